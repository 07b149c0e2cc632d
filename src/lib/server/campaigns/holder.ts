import type { Holder } from '../access/campaign-grants.js';
import type { OperatorPrincipal } from '../access/principal.js';
import { ServerFailure } from '../http/server-failure.js';
import type { CampaignRow } from './campaign-row.js';

type HolderColumns = Pick<CampaignRow, 'run_by' | 'run_operator_id' | 'run_token_id'>;

/**
 * Somebody whom a campaign can act for.
 *
 * @throws ServerFailure 403: a campaign itself, which starts no others
 */
export function holderColumns({ name, operatorId, tokenId }: OperatorPrincipal): HolderColumns {
  if (operatorId === undefined && tokenId === undefined) {
    throw new ServerFailure(403, 'FORBIDDEN', `${name} asks nothing of campaigns`);
  }
  return { run_by: name, run_operator_id: operatorId ?? null, run_token_id: tokenId ?? null };
}

export function holderOf({ run_operator_id, run_token_id }: Omit<HolderColumns, 'run_by'>): Holder {
  return run_operator_id === null ? { tokenId: run_token_id! } : { operatorId: run_operator_id };
}
