/**
 * HNS may reply to a write with a document that differs from the one sent: fields filled in, or left out. Compared
 * with the desired state, such a load balancer would be written again at every full sync, which ends its connections.
 */
import { idKey } from '../compile/names.ts';
import type { HcnLoadBalancer, HcnLoadBalancerSettings } from '../objects/hcn-documents.ts';
import { fingerprint } from './frontend.ts';

export interface Echoes {
  /** `document`: how HNS lists the object just written as `settings`. */
  note(settings: HcnLoadBalancerSettings, document: HcnLoadBalancer): void;
  /** The document as it was written, if HNS still lists it as after the write; else the document itself. */
  asWritten(document: HcnLoadBalancer): HcnLoadBalancer;
  forget(id: string): void;
}

interface Echo {
  readonly settings: HcnLoadBalancerSettings;
  readonly shown: string;
}

export function createEchoes(): Echoes {
  const echoes = new Map<string, Echo>();
  return {
    note(settings, document) {
      const shown = fingerprint(document);
      if (shown === fingerprint(settings)) echoes.delete(idKey(document.ID));
      else echoes.set(idKey(document.ID), { settings, shown });
    },
    asWritten(document) {
      const echo = echoes.get(idKey(document.ID));
      if (echo === undefined || echo.shown !== fingerprint(document)) return document;
      return { ...echo.settings, ID: document.ID };
    },
    forget: (id) => void echoes.delete(idKey(id)),
  };
}
