import { BackOff } from './back-off';

describe('the back-off', () => {
  it('doubles from the first delay to the last, with jitter, and starts anew when it is reset', () => {
    const backOff = new BackOff(20, 1000);
    const delays = Array.from({ length: 12 }, () => backOff.nextMs());

    delays.forEach((delay, attempt) => {
      const whole = Math.min(1000, 20 * 2 ** attempt);
      expect(delay).toBeGreaterThanOrEqual(whole / 2);
      expect(delay).toBeLessThanOrEqual(whole);
    });
    backOff.reset();
    expect(backOff.nextMs()).toBeLessThanOrEqual(20);
  });
});
