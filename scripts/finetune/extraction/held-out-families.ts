/** Families that nothing is learned from: their texts and schemas are what is measured on. */
import { type Family, family, field } from './family.ts';
import {
  choice,
  code,
  count,
  date,
  decimal,
  listOf,
  money,
  oneOf,
  person,
  place,
  time,
  yesNo,
} from './values.ts';

export const HELD_OUT_FAMILIES: readonly Family[] = [
  family(
    'medical appointment',
    'A reminder from the practice.|Your appointment with us.|Message from the clinic.',
    [
      field('patient|patient name|visitor', person, 'The patient is {}.|This reminder is for {}.'),
      field('doctor|physician|seen by', person, 'You will be seen by {}.|The doctor is {}.'),
      field(
        'appointment date|visit date|day of visit',
        date,
        'Your visit is on {}.|We have put you down for {}.',
      ),
      field(
        'appointment time|visit time|check in',
        time,
        'Please check in at {}.|Your time is {}.',
      ),
      field(
        'reason|reason for visit|complaint',
        oneOf('a sore knee|a routine check|a vaccination|back pain|a blood test|an eye test'),
        'You come for {}.|The reason is {}.',
      ),
      field(
        'minutes|duration|length in minutes',
        count(10, 90),
        'It takes {} minutes.|Plan for {} minutes.',
      ),
      field(
        'fasting|come fasting|empty stomach',
        yesNo,
        'Do not eat before.|Please come fasting.',
        'You may eat before.|Fasting is not necessary.',
      ),
      field(
        'co-payment|patient share|to pay',
        money(5, 120),
        'Your share is {}.|You pay {} yourself.',
      ),
    ],
  ),
  family('weather report', 'The weather for tomorrow.|Forecast.|From the weather service.', [
    field('region|area|forecast for', place, 'This is the forecast for {}.|We look at {}.'),
    field(
      'high|maximum|max temperature',
      count(1, 38),
      'It gets as warm as {} degrees.|The high is {} degrees.',
    ),
    field(
      'wind speed|wind|gusts',
      count(5, 110),
      'Gusts reach {} km/h.|The wind blows at {} km/h.',
    ),
    field(
      'rain|rainfall|rain mm',
      decimal(1, 60),
      'Expect {} mm of rain.|{} millimetres of rain will fall.',
    ),
    field('valid for|forecast date|report date', date, 'It is valid for {}.|The report is for {}.'),
    field('sunrise|sun up|first light', time, 'The sun rises at {}.|Sunrise is at {}.'),
    field(
      'sky|cloud cover|clouds',
      choice('clear|cloudy|overcast|foggy'),
      'The sky is {}.|It will be {}.',
    ),
    field(
      'storm warning|warning issued|alert',
      yesNo,
      'A storm warning is in force.|A warning was issued.',
      'There is no storm warning.|No warning was issued.',
    ),
  ]),
  family('recipe', "From my grandmother's kitchen.|Recipe card.|Try this at the weekend.", [
    field(
      'dish|recipe name|meal',
      oneOf('plum cake|lentil soup|potato gratin|apple crumble|fish pie|onion tart'),
      'This makes a {}.|Today we cook {}.',
    ),
    field('servings|serves|portions', count(2, 12), 'It serves {}.|Enough for {} people.'),
    field(
      'oven temperature|oven|bake at',
      count(140, 250),
      'Heat the oven to {} degrees.|Bake it at {} degrees.',
    ),
    field(
      'ingredients|you need|shopping list',
      listOf('flour|butter|cream|garlic|sugar|thyme|milk'),
      'Take {}.|You need {}.',
    ),
    field(
      'cooking minutes|minutes|time in oven',
      count(15, 180),
      'Leave it for {} minutes.|After {} minutes it is done.',
    ),
    field(
      'vegetarian|is vegetarian|without meat',
      yesNo,
      'It is vegetarian.|There is no meat in it.',
      'It is not vegetarian.|There is meat in it.',
    ),
    field('cook|author|by', person, 'The recipe is by {}.|{} sent it to us.'),
    field('effort|skill|how hard', choice('simple|medium|tricky'), 'It is {} to make.|Effort: {}.'),
  ]),
  family('flat to let', 'Flat to let.|A new home?|Letting agency: new offer.', [
    field(
      'rent|monthly rent|rent per month',
      money(300, 2900),
      'The rent is {} a month.|It costs {} monthly.',
    ),
    field('rooms|number of rooms|room count', count(1, 8), 'It has {} rooms.|You get {} rooms.'),
    field(
      'area|square metres|size m2',
      decimal(20, 180),
      'The area is {} square metres.|It measures {} m2.',
    ),
    field('town|located in|where', place, 'It is in {}.|You will live in {}.'),
    field('available from|free from|move in', date, 'It is free from {}.|You can move in on {}.'),
    field('landlord|owner|let by', person, 'The owner is {}.|It is let by {}.'),
    field(
      'pets allowed|pets|animals',
      yesNo,
      'Pets are welcome.|You may keep pets.',
      'Pets are not welcome.|You may not keep pets.',
    ),
    field('floor|storey|on floor', count(0, 12), 'It is on floor {}.|The storey is {}.'),
    field(
      'includes|furnishings|comes with',
      listOf('a balcony|a cellar|a fridge|a stove|a wardrobe|a garden'),
      'It comes with {}.|Included: {}.',
    ),
  ]),
  family('flight', 'Your flight details.|Boarding soon.|Airline notice.', [
    field(
      'flight number|flight|flight code',
      code('QX'),
      'You are on flight {}.|The flight number is {}.',
    ),
    field('gate|boarding gate|departure gate', code('G'), 'Boarding is at gate {}.|Go to {}.'),
    field('boarding time|boards at|boarding', time, 'Boarding begins at {}.|Be at the gate by {}.'),
    field('arrives in|arrival city|flying to', place, 'You fly to {}.|It lands in {}.'),
    field('flight date|date of flight|flies on', date, 'The flight is on {}.|You fly on {}.'),
    field(
      'bags|checked bags|luggage pieces',
      count(0, 5),
      'You checked in {} bags.|Luggage: {} pieces.',
    ),
    field(
      'delayed|is late|has delay',
      yesNo,
      'The flight is delayed.|It will be late.',
      'The flight is on time.|There is no delay.',
    ),
    field(
      'cabin|cabin class|booked cabin',
      choice('economy|premium|business'),
      'Your cabin is {}.|You booked {}.',
    ),
    field('flyer|flying|on board', person, 'Issued to {}.|The flyer is {}.'),
  ]),
];
