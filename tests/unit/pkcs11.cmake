# SPDX-License-Identifier: Apache-2.0
cps_unit_test(tlv cps_card)
cps_unit_test(p15 cps_card)
cps_unit_test(apdu cps_card)
cps_unit_test(cps3 cps_card PkgConfig::CRYPTO)
cps_unit_test(watch cps_pcsc)
cps_unit_test(pcsc_wait cps_pcsc)
cps_unit_test(pcsc_error cps_pcsc)
