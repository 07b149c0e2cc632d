import type { ColumnType, Generated } from 'kysely';

/**
 * The tables of a fleet server, the same on SQLite and PostgreSQL. Conventions: identifiers are integers that the
 * database gives; times (`…_at`) are integer milliseconds since 1970; flags (`is_…`) are 0 or 1; JSON is text.
 * Every row belongs to a tenant, and every query names it.
 */
export interface Schema {
  audit: AuditTable;
  action: ActionTable;
  action_status: ActionStatusTable;
  api_token: ApiTokenTable;
  artifact: ArtifactTable;
  artifact_cut: ArtifactCutTable;
  blob: BlobTable;
  campaign: CampaignTable;
  campaign_entry: CampaignEntryTable;
  campaign_request: CampaignRequestTable;
  device: DeviceTable;
  device_attribute: DeviceTextTable;
  device_filter: DeviceFilterTable;
  device_metadata: DeviceTextTable;
  device_release: DeviceReleaseTable;
  device_tag: DeviceTagTable;
  distribution_set: DistributionSetTable;
  distribution_set_module: DistributionSetModuleTable;
  distribution_set_type: DistributionSetTypeTable;
  event: EventTable;
  operator: OperatorTable;
  release: ReleaseTable;
  release_channel: ReleaseChannelTable;
  rollout: RolloutTable;
  rollout_device: RolloutDeviceTable;
  rollout_group: RolloutGroupTable;
  server_secret: ServerSecretTable;
  session: SessionTable;
  software_module: SoftwareModuleTable;
  software_module_type: SoftwareModuleTypeTable;
  tag: TagTable;
  telemetry: TelemetryTable;
  tenant: TenantTable;
  tenant_setting: TenantSettingTable;
}

/** 0 or 1; SQLite has no type of its own for it. */
export type Flag = 0 | 1;
/** Set once, when the row is made. */
type Fixed<T> = ColumnType<T, T, never>;

interface TenantTable {
  id: Generated<number>;
  name: Fixed<string>;
  created_at: Fixed<number>;
}

/** What a tenant has set, by name; see access/tenant-settings.ts for names and defaults. */
interface TenantSettingTable {
  tenant_id: Fixed<number>;
  name: Fixed<string>;
  /** JSON. */
  value: string;
}

/** Keys that all processes of a server share, for example the one that signs sessions. */
interface ServerSecretTable {
  name: Fixed<string>;
  /** Base64. */
  value: string;
}

/** A person who works with the fleet. */
interface OperatorTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: Fixed<string>;
  role: string;
  /** scrypt, in the form of access/password.ts. */
  password_hash: string;
  created_at: Fixed<number>;
  disabled_at: number | null;
}

/** A token for scripts and pipelines. */
interface ApiTokenTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: Fixed<string>;
  role: Fixed<string>;
  /** SHA-256, hexadecimal. */
  token_hash: Fixed<string>;
  /** The person who made it: it goes with them, and never may more than they do. */
  operator_id: Fixed<number | null>;
  created_by: Fixed<string>;
  created_at: Fixed<number>;
  expires_at: Fixed<number | null>;
  revoked_at: number | null;
  last_used_at: number | null;
}

/** A login: its JSON web tokens name it, so ending it revokes them. */
interface SessionTable {
  id: Fixed<string>;
  tenant_id: Fixed<number>;
  operator_id: Fixed<number>;
  /** SHA-256 of the refresh token that may be used next. */
  refresh_hash: string;
  created_at: Fixed<number>;
  expires_at: number;
  revoked_at: number | null;
}

/** What hawkBit calls a target. */
interface DeviceTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  /** The name the device goes by: hawkBit's controllerId. Unique for a tenant. */
  controller_id: Fixed<string>;
  name: string;
  description: string | null;
  address: string | null;
  group_name: string | null;
  /** SHA-256 of its token, hexadecimal; null: only a gateway token or a certificate lets it in. */
  token_hash: string | null;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  updated_at: number;
  /** Who changed what operators say about it. */
  updated_by: string;
  /** `unknown`, `registered`, `pending`, `in_sync`, `error`. */
  update_status: string;
  assigned_set_id: number | null;
  installed_set_id: number | null;
  installed_at: number | null;
  /** Last poll over DDI: hawkBit's lastTargetQuery. */
  last_poll_at: number | null;
  /** Last sign of life of any kind. */
  last_seen_at: number | null;
  is_online: Flag;
  /** The server asks it for its attributes at the next poll. */
  wants_attributes: Flag;
  /** Updates need no confirmation. */
  is_auto_confirmed: Flag;
}

/** Attributes are what the device tells about itself, metadata what operators note about it. */
interface DeviceTextTable {
  device_id: Fixed<number>;
  tenant_id: Fixed<number>;
  name: Fixed<string>;
  value: string;
}

/** A release that a device told it runs, and the images it told of meanwhile: what it might go back to. */
interface DeviceReleaseTable {
  device_id: Fixed<number>;
  tenant_id: Fixed<number>;
  /** SHA-256 of the release's metadata. */
  digest: Fixed<string>;
  /** JSON: component → SHA-256. */
  images: string;
  first_seen_at: Fixed<number>;
}

interface TagTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: string;
  colour: string | null;
  description: string | null;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
}

interface DeviceTagTable {
  device_id: Fixed<number>;
  tag_id: Fixed<number>;
  tenant_id: Fixed<number>;
}

/** A saved selection of devices. */
interface DeviceFilterTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: string;
  /** FIQL. */
  query: string;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
}

interface SoftwareModuleTypeTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  key: Fixed<string>;
  name: string;
  /** Modules of this type that a set may hold. */
  max_assignments: number;
}

interface DistributionSetTypeTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  key: Fixed<string>;
  name: string;
  /** JSON arrays of module type keys. */
  mandatory_types: string;
  optional_types: string;
}

interface SoftwareModuleTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  type_key: Fixed<string>;
  name: Fixed<string>;
  version: Fixed<string>;
  vendor: string | null;
  description: string | null;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  /** Deleted while something still refers to it. */
  deleted_at: number | null;
}

/** An uploaded file; its bytes lie in the blob store under its SHA-256. */
interface ArtifactTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  module_id: Fixed<number>;
  filename: Fixed<string>;
  size: Fixed<number>;
  md5: Fixed<string>;
  sha1: Fixed<string>;
  sha256: Fixed<string>;
  /** `ota`, or the ending of a format that the tenant accepts unverified. */
  format: Fixed<string>;
  /** `verified`: signed as the tenant's trust root demands; `unverified`: a foreign format. */
  verification: Fixed<string>;
  /** SHA-256 of its metadata, of an `.ota`. */
  package_digest: Fixed<string | null>;
  /** JSON, of an `.ota`: component → SHA-256 of the image it becomes. */
  targets: Fixed<string | null>;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
}

/** A thin container cut from an `.ota` artifact for the devices with one base. */
interface ArtifactCutTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  artifact_id: Fixed<number>;
  /** First 8 digits of the base's SHA-256, or `full`. */
  label: Fixed<string>;
  filename: Fixed<string>;
  /** JSON: component → SHA-256 of the image it must have; components whose image does not matter are absent. */
  bases: Fixed<string>;
  size: Fixed<number>;
  md5: Fixed<string>;
  sha1: Fixed<string>;
  sha256: Fixed<string>;
}

/** A file of the blob store; see artifacts/blob-store.ts. Belongs to no tenant: the same bytes are kept once. */
interface BlobTable {
  sha256: Fixed<string>;
  size: Fixed<number>;
  /** When something last came to need it. */
  claimed_at: number;
}

interface DistributionSetTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  type_key: Fixed<string>;
  name: string;
  version: string;
  /** `versionOrderKey` of the version; empty for what is none. */
  version_order: string;
  description: string | null;
  is_migration_required: Flag;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  /** No device may get it any more. */
  invalidated_at: number | null;
  deleted_at: number | null;
}

interface DistributionSetModuleTable {
  set_id: Fixed<number>;
  module_id: Fixed<number>;
  tenant_id: Fixed<number>;
}

/** A signed package in the catalogue. */
interface ReleaseTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  set_id: Fixed<number>;
  artifact_id: Fixed<number>;
  product: Fixed<string>;
  version: Fixed<string>;
  sequence: Fixed<number>;
  security_counter: Fixed<number>;
  /** SHA-256 of the metadata. Unique for a tenant. */
  digest: Fixed<string>;
  /** The metadata, exactly as signed. */
  metadata: Fixed<string>;
  /** JSON: what ways are judged by, without the hashes of chunks; see catalog/release-record.ts. */
  record: Fixed<string>;
  /** JSON: its signatures and the roots that came with it, to be judged by the trust root of any later day. */
  proof: Fixed<string>;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  /** Withdrawn: offered to no device any more. */
  yanked_at: number | null;
  yanked_reason: string | null;
}

interface ReleaseChannelTable {
  tenant_id: Fixed<number>;
  release_id: Fixed<number>;
  channel: Fixed<string>;
  entered_at: Fixed<number>;
}

interface RolloutTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: string;
  description: string | null;
  /** As hawkBit names them: `creating`, `ready`, `starting`, `running`, `paused`, `stopping`, `stopped`, `finished`, … */
  status: string;
  set_id: Fixed<number>;
  /** FIQL. */
  query: Fixed<string>;
  action_type: Fixed<string>;
  forced_at: Fixed<number | null>;
  weight: number | null;
  start_at: number | null;
  total_devices: number;
  is_dynamic: Fixed<Flag>;
  is_confirmation_required: Fixed<Flag>;
  decided_by: string | null;
  decision_remark: string | null;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  updated_at: number;
  deleted_at: number | null;
}

interface RolloutGroupTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  rollout_id: Fixed<number>;
  /** From 0. */
  position: Fixed<number>;
  name: Fixed<string>;
  description: string | null;
  query: Fixed<string>;
  /** Of the devices that no earlier group took. */
  percentage: Fixed<number>;
  /** Percent; reached: `finished / total >= success_threshold`. */
  success_threshold: Fixed<number>;
  /** `nextgroup` or `pause`. */
  success_action: Fixed<string>;
  /** Percent; reached: `errors / total > error_threshold`. Null: errors stop nothing. */
  error_threshold: Fixed<number | null>;
  error_action: Fixed<string | null>;
  is_confirmation_required: Fixed<Flag>;
  /** As hawkBit names them: `creating`, `ready`, `scheduled`, `running`, `finished`, `error`. */
  status: string;
  /** Devices it got when it was made. */
  total_devices: number;
  /** How many it is to get; null: not counted yet. */
  wanted_devices: number | null;
  /** When its success condition was met and acted upon. */
  succeeded_at: number | null;
}

interface RolloutDeviceTable {
  rollout_group_id: Fixed<number>;
  device_id: Fixed<number>;
  rollout_id: Fixed<number>;
  tenant_id: Fixed<number>;
  /** `waiting`; `assigned`: it has got an action; `already`: it had the set, or was on its way to it. */
  outcome: string;
}

/** A rollout whose stages are judged by gates; its truth is its journal. */
interface CampaignTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  name: Fixed<string>;
  /** JSON as it was handed over. */
  plan: Fixed<string>;
  /** SHA-256 of its canonical JSON. */
  plan_digest: Fixed<string>;
  /** JSON, what is told of it (rollout/campaign-view.ts) as of `viewed_at`; soon as its journal says, which is the truth. */
  view: string;
  viewed_at: number;
  /** That of the view. */
  phase: string;
  created_at: Fixed<number>;
  /** Name of the principal. */
  created_by: Fixed<string>;
  ended_at: number | null;
  /** In whose name it acts: whoever last told it to go on. Their role is asked for again at each step. */
  run_by: string;
  run_operator_id: number | null;
  run_token_id: number | null;
}

/** Journal of a campaign; see rollout/campaign-event.ts. */
interface CampaignEntryTable {
  campaign_id: Fixed<number>;
  /** From 1, without holes. */
  seq: Fixed<number>;
  tenant_id: Fixed<number>;
  time: Fixed<number>;
  /** JSON of the event. */
  body: Fixed<string>;
  previous_hash: Fixed<string>;
  hash: Fixed<string>;
}

/** What somebody wants of a campaign, until whoever drives it has done it. */
interface CampaignRequestTable {
  id: Generated<number>;
  campaign_id: Fixed<number>;
  tenant_id: Fixed<number>;
  /** JSON; see rollout/campaign-view.ts. */
  body: Fixed<string>;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  operator_id: Fixed<number | null>;
  token_id: Fixed<number | null>;
  done_at: number | null;
  /** JSON `{code, message, suggestions}`: why it was not done. */
  failure: string | null;
}

/** One distribution set on its way to one device. */
interface ActionTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  device_id: Fixed<number>;
  set_id: Fixed<number>;
  /** `forced`, `soft`, `timeforced`, `downloadonly`. */
  type: string;
  forced_at: number | null;
  /** See actions/action-status.ts. */
  status: string;
  is_active: Flag;
  weight: number | null;
  maintenance_schedule: string | null;
  maintenance_duration: string | null;
  maintenance_time_zone: string | null;
  rollout_id: Fixed<number | null>;
  rollout_group_id: Fixed<number | null>;
  last_status_code: number | null;
  created_at: Fixed<number>;
  created_by: Fixed<string>;
  updated_at: number;
  /** When the device last told of it: an action that stays silent too long ends as an error. */
  device_reported_at: number | null;
}

interface ActionStatusTable {
  id: Generated<number>;
  tenant_id: Fixed<number>;
  action_id: Fixed<number>;
  status: Fixed<string>;
  code: Fixed<number | null>;
  /** By the clock of whoever reported. */
  occurred_at: Fixed<number>;
  reported_at: Fixed<number>;
  /** JSON array of texts. */
  messages: Fixed<string>;
}

/** What happened in the fleet, in the order it became known; see events/event-log.ts. */
interface EventTable {
  seq: Generated<number>;
  tenant_id: Fixed<number>;
  type: Fixed<string>;
  /** Name of the device it is about. */
  device: Fixed<string | null>;
  time: Fixed<number>;
  /** JSON object. */
  body: Fixed<string>;
}

/** Telemetry where several processes share a PostgreSQL database; embedded it has files of its own, see telemetry/. */
interface TelemetryTable {
  seq: Generated<number>;
  tenant_id: Fixed<number>;
  /** 128 bits of the message id, and 64 of what the message says; hexadecimal. */
  id_key: Fixed<string>;
  digest: Fixed<string>;
  device: Fixed<string>;
  time: Fixed<number>;
  received_at: Fixed<number>;
  type: Fixed<string | null>;
  /** JSON object. */
  line: Fixed<string>;
}

/** Who did what. Each entry holds the hash of the one before it, for each tenant; see audit/. */
interface AuditTable {
  tenant_id: Fixed<number>;
  /** From 1, without holes, for each tenant. */
  seq: Fixed<number>;
  time: Fixed<number>;
  actor: Fixed<string>;
  action: Fixed<string>;
  object: Fixed<string>;
  /** JSON object. */
  detail: Fixed<string>;
  previous_hash: Fixed<string>;
  hash: Fixed<string>;
}
