import { describe, expect, test } from 'vitest';
import { httpPolicyFromEnvironment } from '../../../src/lib/net/http-policy.js';

describe('httpPolicyFromEnvironment', () => {
  test('of an empty environment is direct and anonymous', () => {
    expect(Object.values(httpPolicyFromEnvironment({})).filter((value) => value !== undefined)).toEqual([]);
  });

  test('reads proxies, lower case first', () => {
    const env = {
      http_proxy: 'http://low:1',
      HTTP_PROXY: 'http://high:1',
      HTTPS_PROXY: 'http://secure:2',
      NO_PROXY: 'a,b',
    };
    expect(httpPolicyFromEnvironment(env)).toMatchObject({
      httpProxy: 'http://low:1',
      httpsProxy: 'http://secure:2',
      noProxy: 'a,b',
    });
  });

  test('binds the token to one origin', () => {
    const env = { OTA_HTTP_TOKEN: 'hunter2', OTA_HTTP_TOKEN_ORIGIN: 'https://Host.example/some/path' };
    expect(httpPolicyFromEnvironment(env).credential).toEqual({ origin: 'https://host.example', token: 'hunter2' });
  });

  test.each([
    ['a token without an origin', { OTA_HTTP_TOKEN: 'hunter2' }],
    ['a token over plain http', { OTA_HTTP_TOKEN: 'hunter2', OTA_HTTP_TOKEN_ORIGIN: 'http://host.example' }],
    ['a token with a line break', { OTA_HTTP_TOKEN: 'hunter2\nx', OTA_HTTP_TOKEN_ORIGIN: 'https://host.example' }],
    ['a proxy that is no address', { HTTPS_PROXY: 'hunter2' }],
  ])('refuses %s without repeating it', (_, env) => {
    let refusal: unknown;
    try {
      httpPolicyFromEnvironment(env);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
    expect(String(refusal)).not.toContain('hunter2');
  });

  test('allows a token for this machine itself', () => {
    const env = { OTA_HTTP_TOKEN: 't', OTA_HTTP_TOKEN_ORIGIN: 'http://127.0.0.1:8080' };
    expect(httpPolicyFromEnvironment(env).credential?.origin).toBe('http://127.0.0.1:8080');
  });
});
