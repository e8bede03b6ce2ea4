.PHONY: bench
bench: kernel ## measure against Debian's Linux in the same QEMU (KVM=1 where it works)
	@KVM=$(KVM) bench/run.sh
