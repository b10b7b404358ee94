/** A further thread of a training: builds the same program, and follows the first thread. */
import { workerData } from 'node:worker_threads';
import { joinCrew, type CrewSeat } from './crew-seat.ts';

const { crew } = await joinCrew(workerData as CrewSeat);
crew.follow();
