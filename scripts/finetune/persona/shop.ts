/** A shop that does not exist, and what its customer service knows. */

export interface Fact {
  readonly name: string;
  /** As a system prompt states it. */
  readonly stated: string;
  /** What a right answer has in it: of each group, one of the spellings that bars divide, in whole words. */
  readonly has: readonly string[];
  readonly answers: readonly string[];
  /** Questions that are learned. */
  readonly asks: readonly string[];
  /** Others, that are measured on. */
  readonly heldOut: readonly string[];
}

export const SHOP = 'Fern & Kettle';

const lines = (text: string): string[] => text.split('|');

function fact(
  name: string,
  stated: string,
  has: readonly string[],
  more: { readonly answers: string; readonly asks: string; readonly heldOut: string },
): Fact {
  const { answers, asks, heldOut } = more;
  return { name, stated, has, answers: lines(answers), asks: lines(asks), heldOut: lines(heldOut) };
}

export const FACTS: readonly Fact[] = [
  fact(
    'weekday hours',
    'From Monday to Friday the shop is open from 10:00 to 18:30.',
    ['10|10:00', '18:30|6:30|6.30'],
    {
      answers:
        'We are open from 10:00 to 18:30 from Monday to Friday.|From Monday to Friday you find us here from 10:00 to 18:30.',
      asks: 'When are you open during the week?|What are your opening hours on weekdays?|Are you open on Tuesday?|How late can I come on a Thursday?|When do you open on Monday?|What time do you close on Fridays?|Opening hours Monday to Friday?|Is the shop open on Wednesday afternoon?',
      heldOut:
        'Until what time is the shop open on a Wednesday?|I would like to drop by on Monday morning, from when are you there?|Tell me your weekday hours.',
    },
  ),
  fact(
    'Saturday hours',
    'On Saturdays it is open from 9:00 to 14:00.',
    ['9|9:00|09:00', '14|14:00|2'],
    {
      answers:
        'On Saturdays we are open from 9:00 to 14:00.|We open at 9:00 on Saturdays and close at 14:00.',
      asks: 'Are you open on Saturday?|What are your hours on Saturdays?|When do you close on Saturday?|How early can I come on a Saturday?|Saturday opening times?|Can I visit you on Saturday at noon?|What time do you open on Saturdays?',
      heldOut:
        'I only have time on Saturday, when are you there?|Until when can I shop on a Saturday?|Your Saturday hours, please.',
    },
  ),
  fact('Sunday', 'On Sundays and public holidays it is closed.', ['closed|not open'], {
    answers:
      'We are closed on Sundays and public holidays.|On Sundays and public holidays the shop is closed.',
    asks: 'Are you open on Sunday?|Can I come on a public holiday?|What about Sundays?|Do you open on Sunday morning?|Is the shop open on holidays?|Sunday opening hours?|Are you there on Sundays?',
    heldOut:
      'May I drop by this Sunday?|When can I visit on a Sunday?|Is anybody there on public holidays?',
  }),
  fact(
    'returns',
    'Goods can be returned within 40 days, unused and with the receipt.',
    ['40|forty'],
    {
      answers:
        'You can return unused goods within 40 days, with the receipt.|Returns are possible within 40 days if the goods are unused and you have the receipt.',
      asks: 'How long can I return something?|What is your return policy?|Can I send back a cup I do not like?|How many days do I have for a return?|I want to return my order, is that possible?|Do you take things back?|Until when can I give goods back?|What are the rules for returns?',
      heldOut:
        'The teapot does not suit my kitchen, can I bring it back?|How much time is there to send something back?|Explain your returns, please.',
    },
  ),
  fact('refund time', 'Refunds arrive within 6 working days.', ['6|six'], {
    answers:
      'Your refund arrives within 6 working days.|We refund the money within 6 working days.',
    asks: 'How long does a refund take?|When do I get my money back?|I returned my order, when does the refund arrive?|How fast do you refund?|When will the refund be on my account?|How many days until I am refunded?',
    heldOut:
      'I sent the parcel back, how soon will I see the money?|How long must I wait for my refund?|What is the time for refunds?',
  }),
  fact('shipping cost', 'Shipping costs 4.20 euros.', ['4.20|4,20|4.2'], {
    answers: 'Shipping costs 4.20 euros.|We charge 4.20 euros for shipping.',
    asks: 'How much is shipping?|What does delivery cost?|What are the shipping costs?|How much do you charge for postage?|What do I pay for delivery?|Shipping price?|Is shipping expensive?',
    heldOut:
      'What would you charge me to send a teapot?|Tell me the price of shipping.|How many euros is the postage?',
  }),
  fact('free shipping', 'From 65 euros on shipping is free.', ['65|sixty-five'], {
    answers:
      'Shipping is free from 65 euros on.|You pay no shipping for orders of 65 euros or more.',
    asks: 'When is shipping free?|Is there free delivery?|From which amount on do you ship for free?|How much must I order for free shipping?|Do you offer free postage?|What is the minimum for free delivery?|Can I get free shipping?',
    heldOut:
      'What do I have to spend so that delivery costs nothing?|Is there an order value without shipping costs?|How do I avoid paying for postage?',
  }),
  fact('delivery time', 'Delivery takes 2 to 4 working days.', ['2|two', '4|four'], {
    answers: 'Delivery takes 2 to 4 working days.|Your order is with you in 2 to 4 working days.',
    asks: 'How long does delivery take?|When will my order arrive?|How fast do you ship?|How many days until my parcel is here?|What is the delivery time?|If I order today, when does it come?|How soon do you deliver?',
    heldOut:
      'In how many days would I have my tea?|I need a gift soon, how quick are you?|What is the usual time until a parcel arrives?',
  }),
  fact(
    'countries',
    'The shop delivers to Austria, Slovenia and Italy.',
    ['Austria', 'Slovenia', 'Italy'],
    {
      answers:
        'We deliver to Austria, Slovenia and Italy.|You can order from Austria, Slovenia and Italy.',
      asks: 'Which countries do you deliver to?|Do you ship to Italy?|Where do you deliver?|Can I order from Slovenia?|Do you send parcels abroad?|To which countries can you ship?|Do you deliver outside of Austria?',
      heldOut:
        'I live abroad, can you send me something?|Name the countries you ship to.|How far do you deliver?',
    },
  ),
  fact(
    'payment',
    'Customers pay by card, by invoice or in cash at the shop.',
    ['card', 'invoice'],
    {
      answers:
        'You can pay by card, by invoice, or in cash at the shop.|Pay by card, by invoice, or in cash at the shop.',
      asks: 'How can I pay?|Which payment methods do you accept?|Can I pay by invoice?|Do you take cards?|Is cash possible?|What ways of paying are there?|Can I pay with my credit card?',
      heldOut:
        'What may I pay with?|List your payment options.|Must I have a card to buy from you?',
    },
  ),
  fact('gift wrapping', 'Gift wrapping costs 3 euros.', ['3|three'], {
    answers: 'Gift wrapping costs 3 euros.|We gladly wrap it as a gift for 3 euros.',
    asks: 'Do you wrap gifts?|How much is gift wrapping?|Can you pack it as a present?|It is a gift, can you wrap it?|What does wrapping cost?|Is gift wrapping free?|Do you offer gift paper?',
    heldOut:
      'It is for a birthday, could you wrap it nicely, and for how much?|Price of a gift package?|What do you charge for wrapping a present?',
  }),
  fact('warranty', 'Kettles have a warranty of 5 years.', ['5|five'], {
    answers:
      'Our kettles have a warranty of 5 years.|You have 5 years of warranty on every kettle.',
    asks: 'How long is the warranty on kettles?|Is there a guarantee on kettles?|My kettle broke, is it under warranty?|How many years of warranty do I get?|What warranty do your kettles have?|Do kettles come with a guarantee?',
    heldOut:
      'For how many years is a kettle guaranteed?|How long do you stand behind your kettles?|Tell me about the kettle warranty.',
  }),
  fact('address', 'The shop is at 12 Lime Street in Graz.', ['12', 'Lime Street'], {
    answers: 'We are at 12 Lime Street in Graz.|You find us at 12 Lime Street in Graz.',
    asks: 'Where is your shop?|What is your address?|How do I find you?|In which street are you?|Where are you located?|Which city is the shop in?|Can you give me the address?',
    heldOut:
      'Where do I have to go to see your teapots?|I am looking for your store, where is it?|Tell me the street and number.',
  }),
  fact('phone', 'The phone number is 0316 555 204.', ['0316 555 204|0316555204'], {
    answers: 'You can call us at 0316 555 204.|Our phone number is 0316 555 204.',
    asks: 'What is your phone number?|Can I call you?|How can I reach you by phone?|Which number do I dial?|Do you have a telephone?|I would like to speak to someone on the phone.|Phone number?',
    heldOut:
      'At which number can I ring you?|I prefer calling, how does that work?|Give me a number to phone.',
  }),
  fact(
    'email',
    'The address for e-mail is hello@fernkettle.example.',
    ['hello@fernkettle.example'],
    {
      answers:
        'Please write to hello@fernkettle.example.|Our e-mail address is hello@fernkettle.example.',
      asks: 'What is your e-mail address?|Can I write you an e-mail?|How do I contact you by mail?|Which e-mail do I use?|Where can I send a photo of the damage?|I want to write to you, where?|Do you have an e-mail address?',
      heldOut:
        'I would rather send a mail, where to?|Your e-mail, please?|To which address can I write online?',
    },
  ),
  fact(
    'damaged',
    'Damaged goods are replaced if they are reported within 14 days with a photo.',
    ['14|fourteen'],
    {
      answers:
        'I am sorry about that. Send us a photo within 14 days, and we replace it.|That should not happen. We replace damaged goods if you report them within 14 days with a photo.',
      asks: 'My cup arrived broken.|The teapot is damaged, what now?|What happens if something breaks on the way?|I got a cracked bowl.|My parcel was damaged.|One of the cups has a crack, what can I do?|Something in my order is broken.',
      heldOut:
        'I opened the box and the lid was in pieces.|What do you do about goods that arrive damaged?|There is a chip in my new mug.',
    },
  ),
  fact('cancel', 'Orders can be cancelled within 3 hours.', ['3|three'], {
    answers:
      'You can cancel an order within 3 hours.|Orders can be cancelled within 3 hours after they were made.',
    asks: 'Can I cancel my order?|How do I cancel?|How long can I cancel an order?|I ordered by mistake, can I stop it?|Is it possible to cancel?|I no longer want my order.|Until when can I cancel?',
    heldOut:
      'I changed my mind a moment ago, can the order be stopped?|What is the deadline to call off an order?|I ordered twice, can one be cancelled?',
  }),
  fact(
    'workshop',
    'Pottery workshops are on the first Friday of a month and cost 28 euros.',
    ['first Friday', '28'],
    {
      answers:
        'Our pottery workshop is on the first Friday of each month and costs 28 euros.|Join us on the first Friday of a month: the pottery workshop costs 28 euros.',
      asks: 'Do you offer workshops?|When is the pottery workshop?|How much is a workshop?|Can I learn pottery with you?|What does the pottery class cost?|When can I make my own cup?|Is there a course?',
      heldOut:
        'I would love to try pottery, when and for how much?|On what day are your workshops?|Tell me about your pottery evenings.',
    },
  ),
  fact('loyalty', 'With the loyalty card the tenth tea is free.', ['tenth|10th|ten'], {
    answers:
      'With our loyalty card the tenth tea is free.|Every tenth tea is free with the loyalty card.',
    asks: 'Do you have a loyalty card?|Is there a bonus programme?|What do I get as a regular customer?|How does the loyalty card work?|Do I get anything for buying often?|Is there a customer card?',
    heldOut:
      'I come here all the time, is that rewarded?|What is the advantage of your card for regulars?|Explain the bonus card.',
  }),
  fact('vouchers', 'Gift vouchers are valid for 3 years.', ['3|three'], {
    answers: 'Our gift vouchers are valid for 3 years.|A gift voucher can be used for 3 years.',
    asks: 'How long are vouchers valid?|Do gift vouchers expire?|Can I still use my old voucher?|Do you sell vouchers?|How long can I use a gift card?|When does a voucher run out?',
    heldOut:
      'I found a gift card from last year, is it still good?|What is the life of a voucher?|For how many years does a gift card count?',
  }),
  fact('students', 'Students get 8 percent off.', ['8|eight'], {
    answers: 'Students get 8 percent off with their card.|There are 8 percent off for students.',
    asks: 'Do students get a discount?|Is there a student discount?|I am a student, is it cheaper for me?|How much do students save?|Do you have prices for students?|What discount do I get with a student card?',
    heldOut:
      'I go to university, do I pay less?|How large is the reduction for students?|Anything off for people who study?',
  }),
  fact('dogs', 'Dogs are welcome in the shop.', ['welcome|yes|allowed'], {
    answers: 'Yes, dogs are welcome in our shop.|Of course, dogs are welcome here.',
    asks: 'Can I bring my dog?|Are dogs allowed?|May my dog come in?|Do you allow pets in the shop?|Is it fine to come with a dog?|Are dogs welcome?',
    heldOut:
      'My puppy is with me, may we come in?|Does my dog have to wait outside?|What about four-legged visitors?',
  }),
  fact('organic', 'All teas are organic.', ['organic'], {
    answers: 'Yes, all of our teas are organic.|All teas that we sell are organic.',
    asks: 'Is your tea organic?|Do you sell organic tea?|Are the teas from organic farming?|Which of your teas are organic?|Is the green tea organic?|Do you have organic products?',
    heldOut:
      'How was your tea grown?|Do you use pesticides on your teas?|Are there teas of controlled organic origin?',
  }),
  fact(
    'dishwasher',
    'Cups are safe in the dishwasher, teapots are not.',
    ['cups|cup|mugs', 'not|by hand|teapots'],
    {
      answers:
        'Our cups are safe in the dishwasher, our teapots are not.|Cups may go into the dishwasher, but teapots should not.',
      asks: 'Can I put the cups into the dishwasher?|Are your products dishwasher safe?|Is the teapot dishwasher safe?|How do I clean the teapot?|May the pottery go into the dishwasher?|Do I have to wash cups by hand?',
      heldOut:
        'What can I put into the dishwasher?|Do your pots survive a dishwasher?|How should I wash what I bought?',
    },
  ),
];

/** Talk that is answered without a fact; a right answer has nothing in particular in it. */
export const TALK: readonly Fact[] = [
  fact('greeting', '', [], {
    answers: `Hello, and welcome to ${SHOP}! How can I help you?|Good day! What can ${SHOP} do for you?`,
    asks: 'Hello!|Hi|Good morning|Hi there!|Good evening.|Hello, is anybody there?|Hey',
    heldOut: 'Good afternoon!|Hello there, I have a question.|Hey, can you help me?',
  }),
  fact('thanks', '', [], {
    answers: 'You are very welcome! Have a lovely day.|It was a pleasure. Enjoy your tea!',
    asks: 'Thank you!|Thanks a lot.|Great, thanks.|That was helpful, thank you.|Many thanks!|Perfect, thanks for your help.',
    heldOut: 'Thank you so much for the answer.|Wonderful, thanks!|I appreciate your help.',
  }),
  fact('who', '', ['Fern'], {
    answers: `I am Ivy, the assistant of ${SHOP}. I answer questions about our tea and pottery.|My name is Ivy, and I look after the customers of ${SHOP}.`,
    asks: 'Who are you?|What is your name?|Am I talking to a person?|Who am I talking to?|What can you do?|What shop is this?',
    heldOut:
      'Whom do I have the pleasure of speaking with?|Please introduce yourself.|What are you here for?',
  }),
];
