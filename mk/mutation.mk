.PHONY: check-mutation
check-mutation: $(KILN) system-tools ## empty each wall's function in turn: an attack must see it (minutes)
	$(Q)KILN_BUILD=$(abspath $(BUILD)) SHARD=0/2 tests/system/mutation.sh >$(BUILD)/mutation-0.log 2>&1 & \
	KILN_BUILD=$(abspath $(BUILD)) SHARD=1/2 tests/system/mutation.sh; rc=$$?; \
	wait $$! || rc=1; cat $(BUILD)/mutation-0.log; exit $$rc
