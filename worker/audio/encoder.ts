/** What every encoder of speech does. */

/** One stream of mono samples within [-1, 1], at the rate that it was opened with. */
export interface SpeechEncoder {
  /** @returns what is ready to be sent, in pieces; often nothing for few samples */
  push(samples: Float32Array): readonly Uint8Array<ArrayBuffer>[];
  /** The end; nothing may be pushed afterwards. */
  flush(): readonly Uint8Array<ArrayBuffer>[];
}
