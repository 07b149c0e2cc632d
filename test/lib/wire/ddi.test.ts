import { describe, expect, test } from 'vitest';
import { checkSchema } from '../../../src/lib/core/schema.js';
import {
  DDI_MAX_ATTRIBUTES,
  DDI_MAX_DETAILS,
  ddiCancelAction,
  ddiConfigData,
  ddiConfirmation,
  ddiDeploymentBase,
  ddiFeedback,
  ddiInstalledBase,
  ddiPoll,
  ddiTimeMs,
  formatDdiSleep,
  parseDdiSleep,
} from '../../../src/lib/wire/ddi.js';

const named = { code: 'MESSAGE_INVALID', name: 'body' } as const;

describe('what a server answers', () => {
  test('a poll of hawkBit is read, members nobody knows are dropped', () => {
    const answer = {
      config: { polling: { sleep: '00:05:00' } },
      _links: {
        deploymentBase: { href: 'http://127.0.0.1:8080/DEFAULT/controller/v1/d1/deploymentBase/7?c=-1', type: 'x' },
        configData: { href: 'http://127.0.0.1:8080/DEFAULT/controller/v1/d1/configData' },
        self: { href: '/' },
      },
    };
    expect(checkSchema(ddiPoll, answer, named)).toEqual({
      config: answer.config,
      _links: {
        deploymentBase: { href: answer._links.deploymentBase.href },
        configData: answer._links.configData,
      },
    });
  });

  test('a poll may hold nothing at all', () => {
    expect(checkSchema(ddiPoll, {}, named)).toEqual({});
    expect(checkSchema(ddiPoll, { config: null, _links: null }, named)).toEqual({});
  });

  test('a deployment keeps its artifacts, hashes in lower case, links by name', () => {
    const base = {
      id: 7,
      deployment: {
        download: 'forced',
        update: 'attempt',
        chunks: [
          {
            part: 'os',
            name: 'meter',
            version: '2.0.0',
            artifacts: [
              {
                filename: 'meter.ota',
                size: 5,
                hashes: { sha1: null, sha256: 'AB'.repeat(32) },
                _links: { 'download-http': { href: 'http://h/meter.ota' }, 'md5sum-http': { href: 'http://h/m' } },
              },
            ],
            metadata: [{ key: 'k', value: 'v' }],
          },
          { part: 'bApp', name: 'empty', version: '1' },
        ],
      },
    };
    const { id, deployment } = checkSchema(ddiDeploymentBase, base, named);
    expect(id).toBe('7');
    expect(deployment.chunks[0]!.artifacts[0]).toEqual({
      filename: 'meter.ota',
      size: 5,
      hashes: { sha256: 'ab'.repeat(32) },
      _links: base.deployment.chunks[0]!.artifacts![0]!._links,
    });
    expect(deployment.chunks[1]!.artifacts).toEqual([]);
  });

  test('a size that is no number of bytes is refused', () => {
    const artifact = { filename: 'a', size: -1, hashes: {} };
    const chunk = { part: 'os', name: 'n', version: '1', artifacts: [artifact] };
    const base = { id: '1', deployment: { download: 'forced', update: 'forced', chunks: [chunk] } };
    expect(() => checkSchema(ddiDeploymentBase, base, named)).toThrow('deployment.chunks[0].artifacts[0].size');
  });

  test('the action to stop is an id, as text or number', () => {
    expect(checkSchema(ddiCancelAction, { id: '11', cancelAction: { stopId: 11 } }, named)).toEqual({
      id: '11',
      cancelAction: { stopId: '11' },
    });
    expect(() => checkSchema(ddiCancelAction, { id: '../1', cancelAction: { stopId: '1' } }, named)).toThrow('id');
  });
});

describe('what a device sends', () => {
  test('the feedback of SWUpdate is read: numeric id, basic time, no timestamp', () => {
    const sent = {
      id: 12,
      time: '20261121T212206',
      status: { result: { finished: 'none', progress: { cnt: 1, of: 3 } }, execution: 'proceeding', details: ['x'] },
    };
    const feedback = checkSchema(ddiFeedback, sent, named);
    expect(feedback.status).toEqual(sent.status);
    expect(ddiTimeMs(feedback)).toBe(Date.UTC(2026, 10, 21, 21, 22, 6));
  });

  test('a timestamp wins over a time, and a time that is none counts as absent', () => {
    expect(ddiTimeMs({ timestamp: 1, time: '20261121T212206' })).toBe(1);
    expect(ddiTimeMs({ timestamp: undefined, time: 'yesterday' })).toBeUndefined();
    expect(ddiTimeMs({ timestamp: -5, time: undefined })).toBeUndefined();
    expect(ddiTimeMs({ timestamp: undefined, time: undefined })).toBeUndefined();
  });

  test.each([
    ['an execution nobody knows', { execution: 'done', result: { finished: 'success' } }],
    ['a result nobody knows', { execution: 'closed', result: { finished: 'yes' } }],
    ['no result', { execution: 'closed' }],
    [
      'more details than are kept',
      {
        execution: 'closed',
        result: { finished: 'none' },
        details: Array.from({ length: DDI_MAX_DETAILS + 1 }, () => ''),
      },
    ],
  ])('%s is refused', (_, status) => {
    expect(() => checkSchema(ddiFeedback, { status }, named)).toThrow('body: status');
  });

  test('attributes may be numbers and truth values, and are merged when nothing else is said', () => {
    const sent = { id: '', time: '20261121T212206', status: {}, data: { version: '2.0', ram: 512, ab: true } };
    expect(checkSchema(ddiConfigData, sent, named)).toEqual({
      mode: 'merge',
      data: { version: '2.0', ram: '512', ab: 'true' },
    });
  });

  test('too many attributes, and an empty name, are refused', () => {
    const many = Object.fromEntries(Array.from({ length: DDI_MAX_ATTRIBUTES + 1 }, (_, index) => [`k${index}`, '']));
    expect(() => checkSchema(ddiConfigData, { data: many }, named)).toThrow('at most');
    expect(() => checkSchema(ddiConfigData, { data: { '': 'x' } }, named)).toThrow();
  });

  test('a confirmation is yes or no', () => {
    expect(checkSchema(ddiConfirmation, { confirmation: 'denied', details: ['not now'] }, named)).toEqual({
      confirmation: 'denied',
      details: ['not now'],
    });
    expect(() => checkSchema(ddiConfirmation, { confirmation: 'maybe' }, named)).toThrow('confirmation');
  });

  test('what a device came with has a name and a version', () => {
    expect(() => checkSchema(ddiInstalledBase, { name: 'meter' }, named)).toThrow('version');
  });
});

describe('sleep', () => {
  test.each([
    ['00:00:01', 1000],
    ['00:05:00', 300_000],
    ['36:00:00', 129_600_000],
  ])('%s is %d ms and back', (sleep, durationMs) => {
    expect(parseDdiSleep(sleep)).toBe(durationMs);
    expect(formatDdiSleep(durationMs)).toBe(sleep);
  });

  test('parts of a second are rounded up', () => expect(formatDdiSleep(1)).toBe('00:00:01'));

  test.each(['', '5', '00:60:00', '-1:00:00', '1:2:3'])('%j is none', (sleep) => {
    expect(parseDdiSleep(sleep)).toBeUndefined();
  });
});
