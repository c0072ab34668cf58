import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readProxySettings } from '../../src/settings/proxy_settings.ts';
import { clientTlsMode } from '../../src/settings/tls_settings.ts';
import { UsageError } from '../../src/settings/usage_error.ts';

const PAIR = { 'tls-cert': 'c', 'tls-key': 'k' };

const WRONG: readonly [Record<string, string>, RegExp][] = [
  [{ 'tls-cert': 'c' }, /--tls-cert needs --tls-key/],
  [{ 'tls-key': 'k' }, /--tls-key needs --tls-cert/],
  [{ 'client-tls': 'require' }, /needs a certificate: add --tls-cert FILE and --tls-key FILE/],
  [{ ...PAIR, 'client-tls': 'disable' }, /--tls-cert has no use without TLS/],
  [{ ...PAIR, 'client-tls': 'passthrough' }, /--tls-cert has no use with --client-tls passthrough/],
  [{ 'tls-ca': 'a' }, /--tls-ca has no use/],
  [{ 'client-tls': 'passthrough', 'upstream-tls': 'require' }, /leave --upstream-tls out/],
  [{ 'upstream-tls': 'requre' }, /did you mean require\?/],
  [{ 'upstream-ca': 'a' }, /--upstream-ca has no use without TLS; add --upstream-tls verify-full/],
  [{ 'upstream-tls': 'require', 'upstream-cert': 'c' }, /--upstream-cert needs --upstream-key/],
  [{ 'upstream-tls': 'verify-ca' }, /needs --upstream-ca FILE.*or use verify-full/],
  [
    { 'upstream-tls': 'prefer', 'upstream-tls-negotiation': 'direct' },
    /no way back to the clear; add --upstream-tls require/,
  ],
  [{ 'upstream-tls': 'require', upstream: '/run/x' }, /no TLS on the socket \/run\/x/],
];

describe('the settings of TLS', () => {
  for (const [flags, message] of WRONG) {
    it(`refuse ${JSON.stringify(flags)}`, () => {
      assert.throws(
        () => readProxySettings({ upstream: 'db1', ...flags }, {}),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('allow TLS to clients once there is a certificate', () => {
    const mode = (flags: Record<string, string>): string =>
      clientTlsMode(readProxySettings({ upstream: 'db1', ...flags }, {}).listeners[0]!);
    assert.equal(mode({}), 'disable');
    assert.equal(mode(PAIR), 'allow');
  });
});
