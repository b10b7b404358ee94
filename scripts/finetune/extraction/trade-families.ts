/** Families that are learned from: buying, selling, letting, hiring, repairing. */
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
  year,
  yesNo,
} from './values.ts';

export const TRADE_FAMILIES: readonly Family[] = [
  family(
    'invoice',
    'Please find our invoice below.|Dear customer, thank you for your order.|Hello, here is the bill.',
    [
      field(
        'invoice number|invoice id|bill no',
        code('INV-'),
        'The invoice number is {}.|Please quote {} when you pay.|This is invoice {}.',
      ),
      field(
        'total|amount due|total amount',
        money(15, 9000),
        'The total is {}.|Altogether you owe {}.|Please transfer {} to our account.',
      ),
      field(
        'due date|payable until|payment deadline',
        date,
        'Payment is due by {}.|It has to be paid no later than {}.|Kindly pay until {}.',
      ),
      field(
        'customer|client name|billed to',
        person,
        'It is billed to {}.|The customer is {}.|Issued for {}.',
      ),
      field(
        'item count|number of items|positions',
        count(1, 40),
        'It lists {} items.|There are {} positions on it.',
      ),
      field(
        'paid|is paid|settled',
        yesNo,
        'It has already been paid.|The amount was settled, thank you.',
        'It has not been paid yet.|The amount is still open.',
      ),
      field(
        'payment method|pay by',
        choice('card|cash|bank transfer|cheque'),
        'You chose to pay by {}.|Payment method: {}.',
      ),
    ],
  ),
  family('parcel', 'An update about your parcel:|Your shipment is on its way.|Delivery notice.', [
    field(
      'tracking number|tracking code|shipment id',
      code('TRK'),
      'The tracking number is {}.|Follow it with the code {}.|Shipment {} has left the depot.',
    ),
    field(
      'weight|weight kg|mass',
      decimal(1, 30),
      'It weighs {} kg.|The scales said {} kilograms.',
    ),
    field(
      'recipient|addressee|deliver to',
      person,
      'It goes to {}.|The recipient is {}.|{} will receive it.',
    ),
    field(
      'destination|destination city|to city',
      place,
      'It is bound for {}.|The destination is {}.|It will be taken to {}.',
    ),
    field(
      'delivery date|expected on|arrives on',
      date,
      'It should arrive on {}.|Expect it on {}.|Delivery is planned for {}.',
    ),
    field(
      'service|shipping type|delivery speed',
      choice('standard|express|overnight'),
      'It was sent as {} mail.|The service is {}.|You booked {} delivery.',
    ),
    field(
      'insured|is insured|has insurance',
      yesNo,
      'It is insured.|Insurance was taken out for it.',
      'It is not insured.|No insurance was taken out.',
    ),
  ]),
  family('job advert', 'We are hiring!|A new position is open.|Come and work with us.', [
    field(
      'job title|position|role',
      oneOf(
        'baker|data clerk|bicycle mechanic|gardener|night porter|welder|book editor|lab assistant|tram driver',
      ),
      'We are looking for a {}.|The position is that of a {}.|Wanted: {}.',
    ),
    field(
      'salary|yearly pay|annual salary',
      money(18_000, 90_000),
      'It pays {} a year.|The salary is {} per year.',
    ),
    field('location|workplace|city', place, 'The workplace is in {}.|You will work in {}.'),
    field(
      'hours per week|weekly hours|working hours',
      count(10, 42),
      'You work {} hours a week.|The week has {} hours.',
    ),
    field('start date|starting|begins on', date, 'The work starts on {}.|You begin on {}.'),
    field(
      'contact person|apply to|recruiter',
      person,
      'Write to {}.|Applications go to {}.|Ask for {}.',
    ),
    field(
      'remote|remote possible|home office',
      yesNo,
      'You may work from home.|Remote work is possible.',
      'Remote work is not possible.|You cannot work from home.',
    ),
    field(
      'skills|requirements|required skills',
      listOf('patience|Spanish|Excel|welding|a driving licence|good humour|cooking|typing'),
      'We ask for {}.|You should bring {}.',
    ),
  ]),
  family('car sale', 'Used car for sale.|I am selling my car.|Car for a new owner.', [
    field(
      'brand|make|manufacturer',
      oneOf('Fenmar|Oriel|Tacova|Brask|Lumeno|Vireo'),
      'It is a {}.|The make is {}.',
    ),
    field(
      'price|asking price|cost',
      money(900, 30_000),
      'I ask {} for it.|The price is {}.|You can have it for {}.',
    ),
    field(
      'mileage|kilometres|km driven',
      count(5000, 250_000),
      'It has done {} km.|The clock shows {} kilometres.',
    ),
    field('year|model year|built in', year, 'It was built in {}.|It is from {}.'),
    field(
      'fuel|fuel type|energy',
      choice('petrol|diesel|electric|hybrid'),
      'It runs as a {}.|Fuel: {}.|It is a {} car.',
    ),
    field(
      'colour|paint|body colour',
      oneOf('dark green|silver|red|pale blue|black|cream'),
      'The paint is {}.|Its colour is {}.',
    ),
    field(
      'accident free|no accidents|undamaged',
      yesNo,
      'It never had an accident.|It is free of accidents.',
      'It had an accident once.|It was damaged in an accident.',
    ),
  ]),
  family(
    'warranty repair',
    'Your repair at our workshop.|Service report.|Notes from the repair desk.',
    [
      field(
        'device|appliance|product',
        oneOf(
          'coffee machine|hair dryer|record player|electric drill|printer|vacuum cleaner|sewing machine',
        ),
        'You brought us a {}.|The device is a {}.',
      ),
      field(
        'fault|problem|defect',
        oneOf(
          'it does not switch on|the motor is loud|the cable is broken|it leaks|the lamp flickers',
        ),
        'The fault: {}.|You told us that {}.',
      ),
      field(
        'repair cost|price of repair|charge',
        money(5, 400),
        'The repair costs {}.|We charge {} for it.',
      ),
      field(
        'ready on|pickup date|collect from',
        date,
        'You can fetch it on {}.|It will be ready on {}.',
      ),
      field(
        'technician|repaired by|mechanic',
        person,
        '{} looked after it.|It was repaired by {}.',
      ),
      field(
        'under warranty|warranty|covered',
        yesNo,
        'It is under warranty.|The warranty covers it.',
        'The warranty has run out.|It is not under warranty.',
      ),
      field(
        'spare parts|parts used|replaced',
        listOf('a fuse|a belt|a seal|two screws|a switch|a hose'),
        'We replaced {}.|Parts used: {}.',
      ),
    ],
  ),
  family(
    'webshop order',
    'Thanks for shopping with us!|Order confirmation.|We received your order.',
    [
      field(
        'order number|order id|reference',
        code('ORD-'),
        'Your order number is {}.|It is filed as {}.|Order {} is confirmed.',
      ),
      field(
        'product|article|ordered item',
        oneOf('wool socks|desk lamp|tea kettle|garden hose|chess set|rain jacket|cutting board'),
        'You ordered: {}.|The article is {}.',
      ),
      field(
        'quantity|pieces|amount',
        count(1, 30),
        'You get {} of them.|Quantity: {}.|We pack {} pieces.',
      ),
      field('unit price|price each|single price', money(2, 300), 'One costs {}.|Each is {}.'),
      field('buyer|customer name|ordered by', person, 'The buyer is {}.|It was ordered by {}.'),
      field(
        'gift wrap|as gift|is gift',
        yesNo,
        'We will wrap it as a gift.|It gets gift wrapping.',
        'It comes without gift wrapping.|No gift wrapping was chosen.',
      ),
      field('shipping city|ship to|town', place, 'We send it to {}.|It is shipped to {}.'),
    ],
  ),
  family('tool rental', 'Rental agreement, short form.|You rented from us.|Equipment hire.', [
    field(
      'tool|equipment|rented item',
      oneOf('cement mixer|ladder|chainsaw|pressure washer|scaffold|floor sander'),
      'You rented a {}.|The equipment is a {}.',
    ),
    field(
      'days|rental days|duration days',
      count(1, 21),
      'You keep it for {} days.|The hire lasts {} days.',
    ),
    field(
      'daily rate|price per day|day price',
      money(5, 150),
      'A day costs {}.|The daily rate is {}.',
    ),
    field(
      'deposit|security deposit|caution',
      money(20, 600),
      'We hold a deposit of {}.|The deposit is {}.',
    ),
    field('return by|return date|back on', date, 'Bring it back by {}.|It is due back on {}.'),
    field('renter|hirer|rented by', person, 'It is rented by {}.|The renter is {}.'),
    field('return time|closing time|until hour', time, 'The desk closes at {}.|Be here before {}.'),
  ]),
  family('complaint', 'I want to complain.|To the customer service:|This did not go well.', [
    field('complainant|sender|from', person, 'My name is {}.|Signed, {}.'),
    field('order date|bought on|purchase date', date, 'I bought it on {}.|The purchase was on {}.'),
    field('refund|refund wanted|money back', money(5, 800), 'I want {} back.|Please refund {}.'),
    field(
      'defects|what is wrong|damages',
      listOf('a scratch|a missing lid|a loose wheel|a torn bag|a dead battery|a bent frame'),
      'I found {}.|It came with {}.',
    ),
    field(
      'branch|store city|shop in',
      place,
      'It was in your branch in {}.|I went to the shop in {}.',
    ),
    field(
      'receipt number|receipt|slip no',
      code('R'),
      'The receipt says {}.|My receipt number is {}.',
    ),
    field(
      'photos attached|has photos|pictures',
      yesNo,
      'I have attached photos.|Pictures are enclosed.',
      'I have no photos.|There are no pictures.',
    ),
  ]),
];
