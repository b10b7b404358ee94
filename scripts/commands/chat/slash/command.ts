/** What the commands of a chat have in common. */
import type { ChatSession } from '../session.ts';

export interface SlashContext {
  readonly session: ChatSession;
  /** A line for the person, beside the answers. */
  readonly say: (text: string) => void;
}

export interface SlashCommand {
  /** What follows its name: `FILE`. */
  readonly usage?: string;
  readonly about: string;
  /** @returns 'end' to end the chat. @throws {EngineError} what the person is told */
  readonly run: (context: SlashContext, argument: string) => Promise<'end' | void> | 'end' | void;
}
