import "./brand.css";

export function Brand() {
  return (
    <span className="brand">
      <svg aria-hidden="true" width="30" height="30" viewBox="0 0 32 32">
        <rect width="32" height="32" rx="8" className="brand-box" />
        <g className="brand-cargo">
          <rect x="7" y="18" width="8" height="7" rx="1.5" />
          <rect x="17" y="18" width="8" height="7" rx="1.5" opacity=".75" />
          <rect x="12" y="8" width="8" height="7" rx="1.5" opacity=".9" />
        </g>
      </svg>
      <span>Stowage</span>
    </span>
  );
}
