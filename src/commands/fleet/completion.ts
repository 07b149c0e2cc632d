export { default } from '../../cli/common/completion-command.js';
