export const Logo = () => (
  <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden>
    <rect width="32" height="32" rx="8" fill="#3b5bdb" />
    <path d="M8 9h16M8 16h10M8 23h13" stroke="#fff" strokeWidth="3" strokeLinecap="round" />
  </svg>
);
