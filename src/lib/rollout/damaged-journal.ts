import { OtaError } from '../core/errors.js';

/** What a journal is refused with whose entries cannot have happened like that. Nothing goes on from it. */
export function damagedJournal(fact: string): OtaError {
  return new OtaError('STORE_DAMAGED', `The journal of the campaign is damaged: ${fact}`, [
    'Nothing was done at the server. Restore the journal from a backup, or stop the rollouts at the server.',
  ]);
}
