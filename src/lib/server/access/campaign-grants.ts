import { randomBytes } from 'node:crypto';

/** Scheme of the Authorization header that a grant's secret goes with. */
export const CAMPAIGN_SCHEME = 'campaign';

/** In whose name a campaign acts. */
export type Holder = { readonly operatorId: number } | { readonly tokenId: number };

export interface CampaignGrant {
  readonly tenantId: number;
  /** Name of the campaign. */
  readonly campaign: string;
  readonly holder: Holder;
}

export interface IssuedGrant extends Disposable {
  /** Value of the Authorization header. A secret. */
  readonly authorization: string;
}

/**
 * What campaigns of this process may right now. A grant says who, not what they may: that is looked up with each request.
 * Its secret lives in this memory, until the step it was made for has ended.
 */
export class CampaignGrants {
  readonly #grants = new Map<string, CampaignGrant>();

  issue(grant: CampaignGrant): IssuedGrant {
    const secret = randomBytes(32).toString('base64url');
    this.#grants.set(secret, grant);
    return {
      authorization: `${CAMPAIGN_SCHEME} ${secret}`,
      [Symbol.dispose]: () => void this.#grants.delete(secret),
    };
  }

  grantOf(secret: string): CampaignGrant | undefined {
    return this.#grants.get(secret);
  }
}
