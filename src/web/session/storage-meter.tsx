import { formatBytes } from "../ui/format.ts";

interface Storage {
  usedBytes: number;
  reservedBytes: number;
  quotaBytes: number | null;
}

/** Beside a quota, open uploads count in their whole size; without one, only what is stored is of interest. */
export function StorageMeter({ storage: { usedBytes, reservedBytes, quotaBytes } }: { storage: Storage }) {
  if (quotaBytes === null) return <p className="storage-meter">{formatBytes(usedBytes)} stored</p>;
  const taken = usedBytes + reservedBytes;
  const percent = quotaBytes === 0 ? 100 : Math.min(100, (taken / quotaBytes) * 100);
  return (
    <div className="storage-meter">
      <span>
        {formatBytes(taken)} of {formatBytes(quotaBytes)}
      </span>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> each in its own way */}
      <div
        role="meter"
        aria-label="Storage used"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        aria-valuetext={`${formatBytes(taken)} of ${formatBytes(quotaBytes)}`}
        className={percent >= 95 ? "bar full" : "bar"}
      >
        <div style={{ width: `${percent}%` }} />
      </div>
    </div>
  );
}
