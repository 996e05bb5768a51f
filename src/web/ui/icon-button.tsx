import type { ComponentProps } from "react";
import { Icon, type IconName } from "./icon.tsx";

interface Props extends Omit<ComponentProps<"button">, "children" | "type"> {
  icon: IconName;
  /** What it does, and to what: also its tooltip. */
  label: string;
}

export function IconButton({ icon, label, className = "", ...rest }: Props) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
