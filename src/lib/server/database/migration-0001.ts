import type { TableMaker } from './table-maker.js';

/** The tables of the first release; schema.ts says what they mean. */
export async function firstTables(make: TableMaker): Promise<void> {
  await make.table('tenant', { id: 'id', name: 'text', created_at: 'int' }, { unique: [['name']] });
  await make.table(
    'tenant_setting',
    { tenant_id: '->> tenant', name: 'text', value: 'text' },
    { primary: ['tenant_id', 'name'] },
  );
  await make.table('server_secret', { name: 'text', value: 'text' }, { primary: ['name'] });
  await accessTables(make);
  await softwareTables(make);
  await deviceTables(make);
  await updateTables(make);
  await recordTables(make);
}

async function accessTables(make: TableMaker): Promise<void> {
  await make.table(
    'operator',
    {
      id: 'id',
      tenant_id: '->> tenant',
      name: 'text',
      role: 'text',
      password_hash: 'text',
      created_at: 'int',
      disabled_at: 'int?',
    },
    { unique: [['tenant_id', 'name']] },
  );
  await make.table(
    'api_token',
    {
      id: 'id',
      tenant_id: '->> tenant',
      name: 'text',
      role: 'text',
      token_hash: 'text',
      operator_id: '->> operator?',
      created_by: 'text',
      created_at: 'int',
      expires_at: 'int?',
      revoked_at: 'int?',
      last_used_at: 'int?',
    },
    { unique: [['token_hash'], ['tenant_id', 'name']] },
  );
  await make.table(
    'session',
    {
      id: 'text',
      tenant_id: '->> tenant',
      operator_id: '->> operator',
      refresh_hash: 'text',
      created_at: 'int',
      expires_at: 'int',
      revoked_at: 'int?',
    },
    { primary: ['id'], unique: [['refresh_hash']] },
  );
  await make.index('session', ['operator_id', 'created_at']);
  await make.index('api_token', ['operator_id']);
}

async function softwareTables(make: TableMaker): Promise<void> {
  await make.table(
    'software_module_type',
    { id: 'id', tenant_id: '->> tenant', key: 'text', name: 'text', max_assignments: 'int' },
    { unique: [['tenant_id', 'key']] },
  );
  await make.table(
    'distribution_set_type',
    { id: 'id', tenant_id: '->> tenant', key: 'text', name: 'text', mandatory_types: 'text', optional_types: 'text' },
    { unique: [['tenant_id', 'key']] },
  );
  const described = { description: 'text?', created_at: 'int', created_by: 'text', deleted_at: 'int?' } as const;
  await make.table('software_module', {
    ...{ id: 'id', tenant_id: '->> tenant', type_key: 'text', name: 'text', version: 'text', vendor: 'text?' },
    ...described,
  });
  await make.index('software_module', ['tenant_id', 'name', 'version']);
  const hashes = { size: 'int', md5: 'text', sha1: 'text', sha256: 'text' } as const;
  await make.table(
    'artifact',
    {
      ...{ id: 'id', tenant_id: '->> tenant', module_id: '->> software_module', filename: 'text' },
      ...hashes,
      ...{ format: 'text', verification: 'text', package_digest: 'text?', targets: 'text?' },
      ...{ created_at: 'int', created_by: 'text' },
    },
    { unique: [['module_id', 'filename']] },
  );
  await make.index('artifact', ['sha256']);
  await make.table(
    'artifact_cut',
    {
      ...{ id: 'id', tenant_id: '->> tenant', artifact_id: '->> artifact', label: 'text' },
      ...{ filename: 'text', bases: 'text' },
      ...hashes,
    },
    { unique: [['artifact_id', 'label']] },
  );
  await make.index('artifact_cut', ['sha256']);
  await make.table('blob', { sha256: 'text', size: 'int', claimed_at: 'int' }, { primary: ['sha256'] });
  await make.table('distribution_set', {
    ...{ id: 'id', tenant_id: '->> tenant', type_key: 'text', name: 'text', version: 'text' },
    ...{ version_order: 'text', is_migration_required: 'int', invalidated_at: 'int?' },
    ...described,
  });
  await make.index('distribution_set', ['tenant_id', 'name', 'version']);
  await make.table(
    'distribution_set_module',
    { set_id: '->> distribution_set', module_id: '-> software_module', tenant_id: '->> tenant' },
    { primary: ['set_id', 'module_id'] },
  );
  await make.index('distribution_set_module', ['module_id']);
  await make.table(
    'release',
    {
      ...{ id: 'id', tenant_id: '->> tenant', set_id: '-> distribution_set', artifact_id: '-> artifact' },
      ...{ product: 'text', version: 'text', sequence: 'int', security_counter: 'int', digest: 'text' },
      ...{
        metadata: 'text',
        record: 'text',
        proof: 'text',
        created_at: 'int',
        created_by: 'text',
        yanked_at: 'int?',
        yanked_reason: 'text?',
      },
    },
    { unique: [['tenant_id', 'digest']] },
  );
  await make.index('release', ['set_id']);
  await make.index('release', ['tenant_id', 'product', 'sequence']);
  await make.table(
    'release_channel',
    { tenant_id: '->> tenant', release_id: '->> release', channel: 'text', entered_at: 'int' },
    { primary: ['tenant_id', 'channel', 'release_id'] },
  );
}

async function deviceTables(make: TableMaker): Promise<void> {
  await make.table(
    'device',
    {
      ...{ id: 'id', tenant_id: '->> tenant', controller_id: 'text', name: 'text', description: 'text?' },
      ...{ address: 'text?', group_name: 'text?', token_hash: 'text?' },
      ...{ created_at: 'int', created_by: 'text', updated_at: 'int', updated_by: 'text' },
      ...{ update_status: 'text' },
      ...{ assigned_set_id: '-> distribution_set?', installed_set_id: '-> distribution_set?', installed_at: 'int?' },
      ...{ last_poll_at: 'int?', last_seen_at: 'int?', is_online: 'int' },
      ...{ wants_attributes: 'int', is_auto_confirmed: 'int' },
    },
    { unique: [['tenant_id', 'controller_id']] },
  );
  await make.index('device', ['tenant_id', 'is_online', 'last_seen_at']);
  await make.index('device', ['tenant_id', 'update_status']);
  for (const column of ['controller_id', 'name', 'group_name']) {
    await make.index('device', ['tenant_id', `lower(${column})`]);
  }
  await make.index('device', ['assigned_set_id', 'tenant_id']);
  await make.index('device', ['installed_set_id', 'tenant_id']);
  await make.index('device', ['token_hash']);
  for (const table of ['device_attribute', 'device_metadata']) {
    await make.table(
      table,
      { device_id: '->> device', tenant_id: '->> tenant', name: 'text', value: 'text' },
      { primary: ['device_id', 'name'] },
    );
    await make.index(table, ['tenant_id', 'name', 'lower(substr(value, 1, 64))', 'device_id']);
  }
  await make.table(
    'device_release',
    { device_id: '->> device', tenant_id: '->> tenant', digest: 'text', images: 'text', first_seen_at: 'int' },
    { primary: ['device_id', 'digest'] },
  );
  await make.table(
    'tag',
    {
      ...{ id: 'id', tenant_id: '->> tenant', name: 'text', colour: 'text?', description: 'text?' },
      ...{ created_at: 'int', created_by: 'text' },
    },
    { unique: [['tenant_id', 'name']] },
  );
  await make.table(
    'device_tag',
    { tag_id: '->> tag', device_id: '->> device', tenant_id: '->> tenant' },
    { primary: ['device_id', 'tag_id'] },
  );
  await make.index('device_tag', ['tag_id', 'device_id']);
  await make.table(
    'device_filter',
    { id: 'id', tenant_id: '->> tenant', name: 'text', query: 'text', created_at: 'int', created_by: 'text' },
    { unique: [['tenant_id', 'name']] },
  );
}

async function updateTables(make: TableMaker): Promise<void> {
  await make.table('rollout', {
    ...{ id: 'id', tenant_id: '->> tenant', name: 'text', description: 'text?', status: 'text' },
    ...{ set_id: '-> distribution_set', query: 'text', action_type: 'text', forced_at: 'int?', weight: 'int?' },
    ...{ start_at: 'int?', total_devices: 'int', is_dynamic: 'int', is_confirmation_required: 'int' },
    ...{ decided_by: 'text?', decision_remark: 'text?' },
    ...{ created_at: 'int', created_by: 'text', updated_at: 'int', deleted_at: 'int?' },
  });
  await make.index('rollout', ['status']);
  await make.index('rollout', ['tenant_id', 'name']);
  await make.table(
    'rollout_group',
    {
      ...{ id: 'id', tenant_id: '->> tenant', rollout_id: '->> rollout', position: 'int', name: 'text' },
      ...{ description: 'text?', query: 'text', percentage: 'real', success_threshold: 'int', success_action: 'text' },
      ...{ error_threshold: 'int?', error_action: 'text?', is_confirmation_required: 'int' },
      ...{ status: 'text', total_devices: 'int', wanted_devices: 'int?', succeeded_at: 'int?' },
    },
    { unique: [['rollout_id', 'position']] },
  );
  await make.table(
    'rollout_device',
    {
      ...{ rollout_group_id: '->> rollout_group', device_id: '->> device' },
      ...{ rollout_id: '->> rollout', tenant_id: '->> tenant', outcome: 'text' },
    },
    { primary: ['rollout_group_id', 'device_id'], unique: [['rollout_id', 'device_id']] },
  );
  await make.index('rollout_device', ['device_id']);
  await make.index('rollout_device', ['rollout_group_id', 'outcome', 'device_id']);
  await make.table('action', {
    ...{ id: 'id', tenant_id: '->> tenant', device_id: '->> device', set_id: '-> distribution_set' },
    ...{ type: 'text', forced_at: 'int?', status: 'text', is_active: 'int', weight: 'int?' },
    ...{ maintenance_schedule: 'text?', maintenance_duration: 'text?', maintenance_time_zone: 'text?' },
    ...{ rollout_id: '-> rollout?', rollout_group_id: '-> rollout_group?', last_status_code: 'int?' },
    ...{ created_at: 'int', created_by: 'text', updated_at: 'int', device_reported_at: 'int?' },
  });
  await make.index('action', ['device_id', 'is_active']);
  await make.index('action', ['rollout_group_id', 'status']);
  await make.index('action', ['rollout_id', 'status']);
  await make.index('action', ['set_id']);
  await make.index('action', ['is_active', 'device_reported_at']);
  await make.table('action_status', {
    ...{ id: 'id', tenant_id: '->> tenant', action_id: '->> action', status: 'text', code: 'int?' },
    ...{ occurred_at: 'int', reported_at: 'int', messages: 'text' },
  });
  await make.index('action_status', ['action_id', 'id']);
}

async function recordTables(make: TableMaker): Promise<void> {
  await make.table('event', {
    ...{ seq: 'id', tenant_id: '->> tenant', type: 'text', device: 'text?', time: 'int', body: 'text' },
  });
  await make.index('event', ['tenant_id', 'seq']);
  await make.table(
    'telemetry',
    {
      ...{ seq: 'id', tenant_id: '->> tenant', id_key: 'text', digest: 'text', device: 'text', time: 'int' },
      ...{ received_at: 'int', type: 'text?', line: 'text' },
    },
    { unique: [['tenant_id', 'id_key']] },
  );
  await make.index('telemetry', ['tenant_id', 'device', 'time', 'seq']);
  await make.index('telemetry', ['received_at']);
  await make.table(
    'audit',
    {
      ...{ tenant_id: '-> tenant', seq: 'int', time: 'int', actor: 'text', action: 'text', object: 'text' },
      ...{ detail: 'text', previous_hash: 'text', hash: 'text' },
    },
    { primary: ['tenant_id', 'seq'] },
  );
}
