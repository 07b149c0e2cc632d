import type { Acceptance, CampaignState, PortionState, StageState } from './campaign-state.js';
import type { StageFigures } from './observation.js';

/** The same state with one stage changed. */
export function withStage(state: CampaignState, index: number, change: Partial<StageState>): CampaignState {
  return { ...state, stages: state.stages.map((stage, at) => (at === index ? { ...stage, ...change } : stage)) };
}

/** The same state with one portion changed. */
export function withPortion(state: CampaignState, name: string, change: Partial<PortionState>): CampaignState {
  return {
    ...state,
    portions: state.portions.map((portion) => (portion.name === name ? { ...portion, ...change } : portion)),
  };
}

export function portionsOf(state: CampaignState, stage: number | null): readonly PortionState[] {
  return state.portions.filter((portion) => portion.stage === stage);
}

/** Devices that were given the update and have not made it, or of which nobody knows. */
export function badDevices({ failed, stuck, canceled, gone }: StageFigures): number {
  return failed + stuck + canceled + gone;
}

/** What a person accepts of a stage as it stands: gates in the way, and those accepted before. */
export function accepting(stage: StageState, by: string, at: number, passes: boolean): Acceptance {
  const inTheWay = stage.verdict?.gates.filter(({ decision }) => decision === 'pause' || decision === 'abort') ?? [];
  const gates = new Set([...(stage.accepted?.gates ?? []), ...inTheWay.map(({ gate }) => gate)]);
  const bad = stage.figures === null ? 0 : badDevices(stage.figures);
  return { by, at, bad, gates: [...gates].sort((a, b) => a - b), passes };
}
