import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAddressLimit, networkOf } from '../../src/auth/address-limit.ts';

describe('an address', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits for the end of its minute when it has done so much', () => {
    const limit = createAddressLimit(2);
    limit.count('203.0.113.7');
    vi.advanceTimersByTime(20_000);
    expect(limit.wait('203.0.113.7')).toBe(0);
    limit.count('203.0.113.7');
    expect([limit.wait('203.0.113.7'), limit.wait('203.0.113.8')]).toEqual([40, 0]);
    vi.advanceTimersByTime(40_001);
    expect(limit.wait('203.0.113.7')).toBe(0);
  });

  it('is one for all who hung up before it was asked for', () => {
    const limit = createAddressLimit(1);
    limit.count(undefined);
    expect([limit.wait(undefined), limit.wait('::1')]).toEqual([60, 0]);
  });

  it('is one of IPv4, and half of one of IPv6', () => {
    expect(['203.0.113.7', '::ffff:203.0.113.7', '::1', '2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8:1:2:3:4:5:6', '1::2:3:4:5:6:7', 'fe80::1'].map(networkOf)).toEqual([
      '203.0.113.7', '::ffff:203.0.113.7', '0:0:0:0', '2001:db8:0:0', '2001:db8:0:0', '2001:db8:1:2', '1:0:2:3', 'fe80:0:0:0',
    ]);
  });
});
