import { ServerFailure } from '../http/server-failure.js';

/** The same words whatever was wrong: which names exist, and which tokens once did, is nobody's business. */
export function unauthenticated(): ServerFailure {
  return new ServerFailure(401, 'UNAUTHENTICATED', 'no known credentials', {
    headers: { 'www-authenticate': 'Basic realm="fleet", charset="UTF-8", Bearer' },
  });
}
