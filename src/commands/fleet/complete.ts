export { default } from '../../cli/common/complete-command.js';
