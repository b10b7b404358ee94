/** What Talk needs and does not have, told before anybody speaks in vain. */
import type { Abilities } from './models.ts';

/** A sentence for each thing that is missing; none when Talk can start. */
export async function missingForTalk({ hears, findsSpeech }: Abilities): Promise<string[]> {
  const permission = await microphonePermission();
  const needs: readonly (readonly [isThere: boolean, sentence: string])[] = [
    [hears, 'A recognition model: run "thimble push whisper-tiny.en" and reload.'],
    [findsSpeech, 'A voice activity detector: run "thimble push silero-vad" and reload.'],
    [
      // Browsers leave mediaDevices out of pages that did not come over HTTPS or from this machine.
      'mediaDevices' in navigator,
      'HTTPS, or the address localhost: browsers allow the microphone nowhere else.',
    ],
    [
      permission !== 'denied',
      'The microphone, which is blocked: allow it in the settings of this site in the browser.',
    ],
  ];
  return needs.filter(([isThere]) => !isThere).map(([, sentence]) => sentence);
}

/** `prompt` where the browser does not tell. */
export async function microphonePermission(): Promise<PermissionState> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' })).state;
  } catch {
    return 'prompt';
  }
}
