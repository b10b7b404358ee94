/** Turns of the event loop in the middle of long work on a request: others are read and answered meanwhile. */
/** A timer of 0 ms, which workerd and Node have alike. */
export async function takeTurn(): Promise<void> {
  await new Promise<void>((resolve) => void setTimeout(resolve, 0));
}
