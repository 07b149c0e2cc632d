import { numberText } from '../../core/number-text.js';
import { printableUrl } from '../../net/source-url.js';
import type { GateSpec } from '../../rollout/gate-spec.js';
import { durationText } from '../../rollout/gates/duration-text.js';

/**
 * What a gate asks for, in a few words. Not escaped; without the query of an address and the arguments of a command, which
 * may be secrets: reports go further than plans.
 *
 * @param gate null: `completed`
 */
export function gateWords(gate: GateSpec | null): string {
  switch (gate?.type) {
    case undefined:
      return 'all devices have ended';
    case 'success':
      return `at least ${gate.atLeastPercent} % installed at ${gate.confidencePercent} % confidence, ${gate.completedPercent} % ended`;
    case 'failure':
      return `at most ${gate.atMostPercent} % failed at ${gate.confidencePercent} % confidence, from ${numberText(gate.minimumSample)} devices on`;
    case 'stuck':
      return `at most ${gate.atMostPercent} % silent for ${durationText(gate.afterSeconds)}`;
    case 'soak':
      return `the other gates hold for ${durationText(gate.seconds)}`;
    case 'health':
      return `${gate.rule} in the last ${durationText(gate.windowSeconds)}, a sample of ${numberText(gate.minimumSample)}`;
    case 'probe': {
      const url = URL.parse(gate.url);
      const asked = gate.rule === undefined ? 'status 200' : `${gate.pointer ?? ''} ${gate.rule}`;
      return `${url === null ? 'an address' : printableUrl(url)}: ${asked}`;
    }
    case 'command':
      return `${gate.argv[0]} exits with 0`;
    case 'approval':
      return 'somebody approves it';
  }
}
