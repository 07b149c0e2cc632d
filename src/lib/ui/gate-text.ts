import type { GateSpec } from '../rollout/gate-spec.js';
import { spanText } from './telemetry-text.js';

/** What a gate asks, in a few words: `95 % succeed (95 % certain, once 90 % have ended)`. */
export function gateText(gate: GateSpec): string {
  switch (gate.type) {
    case 'success':
      return `${gate.atLeastPercent} % succeed (${gate.confidencePercent} % certain, once ${gate.completedPercent} % have ended)`;
    case 'failure':
      return `at most ${gate.atMostPercent} % fail, else ${gate.otherwise}`;
    case 'stuck':
      return `stuck after ${seconds(gate.afterSeconds)}`;
    case 'soak':
      return `soak ${seconds(gate.seconds)}`;
    case 'health':
      return gate.rule;
    case 'probe':
      return `probe ${gate.url}${gate.rule === undefined ? '' : ` ${gate.pointer} ${gate.rule}`}`;
    case 'command':
      return `command ${gate.argv[0]}`;
    case 'approval':
      return 'approval';
  }
}

function seconds(value: number): string {
  return spanText(value * 1000);
}
