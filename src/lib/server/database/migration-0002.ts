import type { TableMaker } from './table-maker.js';

/** Campaigns; schema.ts says what the tables mean. */
export async function campaignTables(make: TableMaker): Promise<void> {
  await make.table(
    'campaign',
    {
      ...{ id: 'id', tenant_id: '->> tenant', name: 'text', plan: 'text', plan_digest: 'text', phase: 'text' },
      ...{ view: 'text', viewed_at: 'int', created_at: 'int', created_by: 'text', ended_at: 'int?' },
      // No references: a campaign outlives whoever it runs for, and stands still then.
      ...{ run_by: 'text', run_operator_id: 'int?', run_token_id: 'int?' },
    },
    { unique: [['tenant_id', 'name']] },
  );
  await make.index('campaign', ['ended_at']);
  await make.table(
    'campaign_entry',
    {
      ...{ campaign_id: '->> campaign', seq: 'int', tenant_id: '->> tenant', time: 'int', body: 'text' },
      ...{ previous_hash: 'text', hash: 'text' },
    },
    { primary: ['campaign_id', 'seq'] },
  );
  await make.table('campaign_request', {
    ...{ id: 'id', campaign_id: '->> campaign', tenant_id: '->> tenant', body: 'text', created_at: 'int' },
    ...{ created_by: 'text', operator_id: 'int?', token_id: 'int?', done_at: 'int?', failure: 'text?' },
  });
  await make.index('campaign_request', ['done_at', 'campaign_id']);
  // What devices have told of errors lately.
  await make.index('event', ['tenant_id', 'type', 'time', 'seq']);
}
