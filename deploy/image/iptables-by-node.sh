#!/bin/sh
# iptables, ip6tables, their -save and -restore: runs the variant that this node uses. The image has no program but a shell to
# decide with. Signalbox itself decides by the same rules (packages/iptables/src/driver/variant.ts) and runs a variant by its name.
set -u
name=${0##*/}
family=${name%%-*}

# Reads a listing: `kubelet` if it has a chain of the kubelet, else the number of its rules.
survey() {
  rules=0
  while read -r word chain; do
    case "$word $chain" in
      ':KUBE-IPTABLES-HINT '* | ':KUBE-KUBELET-CANARY '*) echo kubelet; return ;;
      '-A '*) rules=$((rules + 1)) ;;
    esac
  done
  echo "$rules"
}

# Without a table's name the legacy variant lists existing tables; with one, it would create the table.
list() { "$family-$1-save" 2> /dev/null; }
works() { "$family-$1" -t nat -S POSTROUTING > /dev/null 2>&1; }

choose() {
  nft=$(list nft | survey)
  [ "$nft" = kubelet ] && { echo nft; return; }
  legacy=$(list legacy | survey)
  [ "$legacy" = kubelet ] && { echo legacy; return; }
  [ "$nft" -gt "$legacy" ] && { echo nft; return; }
  [ "$legacy" -gt "$nft" ] && { echo legacy; return; }
  if works nft || ! works legacy; then echo nft; else echo legacy; fi
}

exec "$family-$(choose)${name#"$family"}" "$@"
