export interface RunningService {
  readonly pid: number;
  /** Resolves once `text` stands in what it has written; rejects when it ends before. */
  said(text: string): Promise<void>;
  stop(): Promise<void>;
  /** Ends it without a chance to tidy up. */
  kill(): Promise<void>;
}
