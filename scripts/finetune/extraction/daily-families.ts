/** Families that are learned from: going out, learning, travelling, meeting. */
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

export const DAILY_FAMILIES: readonly Family[] = [
  family(
    'table reservation',
    'Your table is booked.|Restaurant booking.|We look forward to your visit.',
    [
      field(
        'guests|party size|number of people',
        count(2, 14),
        'The table is for {} people.|You will be {} guests.',
      ),
      field('date|day|booked for', date, 'The date is {}.|We expect you on {}.'),
      field('time|hour|arrival time', time, 'Please come at {}.|It is kept from {} on.'),
      field(
        'name|booked by|reservation name',
        person,
        'It is in the name of {}.|The booking was made by {}.',
      ),
      field(
        'restaurant|venue|house',
        oneOf('The Copper Pan|Olive and Ash|Harbour Kitchen|The Blue Door|Mirabell'),
        'You booked at {}.|{} is expecting you.',
      ),
      field(
        'outdoors|terrace|outside',
        yesNo,
        'You will sit outside.|The table is on the terrace.',
        'You will sit inside.|The table is not on the terrace.',
      ),
      field(
        'allergies|diets|avoid',
        listOf('nuts|milk|gluten|shellfish|eggs|soy'),
        'You told us to avoid {}.|Allergies: {}.',
      ),
    ],
  ),
  family('train ticket', 'Your journey at a glance.|Train ticket.|Booking details for your trip.', [
    field('from|departure city|origin', place, 'You leave from {}.|The train starts in {}.'),
    field('seat|seat number|place', code('S'), 'Your seat is {}.|Seat {} is yours.'),
    field('departure|departure time|leaves at', time, 'It leaves at {}.|Departure is at {}.'),
    field(
      'travel date|journey date|day of travel',
      date,
      'You travel on {}.|The journey is on {}.',
    ),
    field('fare|ticket price|paid', money(5, 250), 'The fare was {}.|You paid {}.'),
    field(
      'class|travel class|comfort',
      choice('first|second|sleeper'),
      'You are in {} class.|Class: {}.',
    ),
    field(
      'passenger|traveller|ticket holder',
      person,
      'The passenger is {}.|This ticket belongs to {}.',
    ),
    field(
      'changes|transfers|number of changes',
      count(0, 5),
      'You change {} times.|The number of changes is {}.',
    ),
  ]),
  family('football match', 'From the sports desk.|Final whistle!|Match report.', [
    field(
      'home team|hosts|home side',
      oneOf('Harbour FC|Northgate Rovers|Millers United|Red Quarry|Vale Athletic'),
      'The hosts were {}.|{} played at home.',
    ),
    field(
      'away team|visitors|guests',
      oneOf('Lakeside Town|Old Foundry|Castle Wanderers|Green Pier|Summit SC'),
      'The visitors were {}.|{} came as guests.',
    ),
    field(
      'spectators|attendance|crowd',
      count(200, 60_000),
      '{} people watched.|The attendance was {}.',
    ),
    field(
      'winning goal by|decisive scorer|hero',
      person,
      '{} scored the decisive goal.|The last goal was by {}.',
    ),
    field('match date|played on|date', date, 'It was played on {}.|The match took place on {}.'),
    field(
      'goals|total goals|goals scored',
      count(0, 9),
      'There were {} goals in all.|Goals in total: {}.',
    ),
    field(
      'extra time|overtime|went to extra time',
      yesNo,
      'It went to extra time.|Extra time was needed.',
      'No extra time was needed.|It ended after ninety minutes.',
    ),
  ]),
  family('library loan', 'Message from the library.|Your loan.|Library receipt.', [
    field(
      'title|book title|book',
      oneOf(
        'The Salt Road|A Garden in Winter|Nine Quiet Rooms|The Clockmaker|Under the Ferry|Maps of Rain',
      ),
      'You borrowed "{}".|The book is "{}".',
    ),
    field('borrower|reader|member', person, 'The reader is {}.|It was lent to {}.'),
    field('return date|due|bring back by', date, 'Please return it by {}.|It is due on {}.'),
    field('late fee|fine|fee', money(1, 20), 'The late fee is {}.|You owe a fine of {}.'),
    field(
      'renewals|times renewed|extensions',
      count(0, 6),
      'It was renewed {} times.|Renewals so far: {}.',
    ),
    field('shelf mark|signature|shelf', code('K'), 'Its shelf mark is {}.|It stands at {}.'),
    field(
      'reserved|is reserved|waiting list',
      yesNo,
      'Somebody has reserved it.|There is a reservation after you.',
      'Nobody has reserved it.|There is no reservation.',
    ),
  ]),
  family('course', 'Evening school programme.|A course for you.|Sign up now!', [
    field(
      'course|subject|course title',
      oneOf(
        'pottery|Italian for beginners|bookkeeping|watercolours|sourdough baking|bird watching',
      ),
      'The course is {}.|We teach {}.',
    ),
    field('teacher|instructor|taught by', person, 'It is taught by {}.|The teacher is {}.'),
    field(
      'lessons|sessions|number of lessons',
      count(3, 30),
      'It has {} lessons.|You come {} times.',
    ),
    field('course fee|fee|tuition', money(20, 600), 'The fee is {}.|It costs {}.'),
    field('first lesson|starts|begin', date, 'The first lesson is on {}.|We start on {}.'),
    field(
      'level|difficulty|grade',
      choice('beginner|intermediate|advanced'),
      'The level is {}.|It is for {} learners.',
    ),
    field('room|classroom|where', code('Room '), 'We meet in {}.|The place is {}.'),
    field(
      'fully booked|full|sold out',
      yesNo,
      'It is fully booked.|No places are left.',
      'There are places left.|It is not full yet.',
    ),
  ]),
  family('concert', 'Tickets on sale now.|An evening of music.|Event news.', [
    field(
      'band|artist|performer',
      oneOf('The Paper Lanterns|Cold Harbour Brass|Mira and the Tides|Quartet Nine|Velvet Anvil'),
      '{} will play.|On stage: {}.',
    ),
    field(
      'venue|hall|takes place at',
      oneOf('Old Mill Hall|the Riverside Theatre|Cellar 12|the Glass House'),
      'The venue is {}.|It takes place at {}.',
    ),
    field('event date|date|on', date, 'The date is {}.|Come on {}.'),
    field('doors open|entry from|doors', time, 'Doors open at {}.|You can enter from {}.'),
    field('ticket price|entry fee|price', money(8, 120), 'Tickets cost {}.|Entry is {}.'),
    field(
      'capacity|seats|places',
      count(50, 5000),
      'There are {} places.|The hall holds {} people.',
    ),
    field(
      'seated|has seats|seating',
      yesNo,
      'All places are seated.|You can sit.',
      'It is standing only.|There are no seats.',
    ),
  ]),
  family('support ticket', 'New ticket at the help desk.|IT support.|A user reports:', [
    field('ticket number|ticket id|case', code('T-'), 'The ticket is {}.|Case {} was opened.'),
    field(
      'priority|urgency|severity',
      choice('low|medium|high|critical'),
      'The priority is {}.|It was marked as {}.',
    ),
    field('reported by|user|reporter', person, '{} reported it.|The user is {}.'),
    field(
      'devices|affected devices|systems',
      listOf('the printer|the mail server|a laptop|the door lock|the projector|the router'),
      'Affected: {}.|It concerns {}.',
    ),
    field('opened on|report date|created', date, 'It was opened on {}.|The report is of {}.'),
    field(
      'affected users|people affected|users',
      count(1, 400),
      '{} people are affected.|It hits {} users.',
    ),
    field(
      'resolved|is closed|done',
      yesNo,
      'It has been resolved.|The problem is solved.',
      'It has not been resolved.|The problem remains.',
    ),
  ]),
  family('gym membership', 'Welcome to the club!|Your membership.|Contract summary.', [
    field('member|member name|holder', person, 'The member is {}.|This contract is with {}.'),
    field(
      'monthly fee|price per month|dues',
      money(9, 120),
      'You pay {} a month.|The monthly fee is {}.',
    ),
    field('joined|member since|contract start', date, 'You joined on {}.|Membership runs from {}.'),
    field(
      'months|contract months|minimum term',
      count(1, 24),
      'It runs for {} months.|The minimum term is {} months.',
    ),
    field(
      'card number|membership number|member id',
      code('M'),
      'Your card number is {}.|The number on your card is {}.',
    ),
    field(
      'sauna|sauna included|with sauna',
      yesNo,
      'The sauna is included.|You may use the sauna.',
      'The sauna is not included.|You may not use the sauna.',
    ),
    field(
      'classes|booked classes|courses',
      listOf('yoga|boxing|rowing|spinning|pilates|climbing'),
      'You booked {}.|Your classes are {}.',
    ),
  ]),
  family('hike', 'Walk of the week.|Hiking notes.|A trail worth walking.', [
    field(
      'distance|length km|kilometres',
      decimal(2, 35),
      'It is {} km long.|You walk {} kilometres.',
    ),
    field('start|trailhead|starting point', place, 'It begins in {}.|The start is {}.'),
    field('ascent|climb|metres up', count(20, 1900), 'You climb {} metres.|The ascent is {} m.'),
    field('difficulty|grade|level', choice('easy|moderate|hard'), 'It is {}.|The grade is {}.'),
    field('guide|led by|leader', person, '{} leads the walk.|Your guide is {}.'),
    field('meeting time|start time|meet at', time, 'We meet at {}.|The walk starts at {}.'),
    field(
      'dogs allowed|dogs|dog friendly',
      yesNo,
      'Dogs may come along.|Dogs are allowed.',
      'Dogs must stay at home.|Dogs are not allowed.',
    ),
    field(
      'bring|equipment|gear',
      listOf('water|a map|a raincoat|sun cream|sticks|a lunch'),
      'Bring {}.|You will need {}.',
    ),
  ]),
];
