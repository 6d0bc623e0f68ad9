# SPDX-License-Identifier: Apache-2.0
cps_unit_test(b64)
cps_unit_test(config)
cps_unit_test(error)
cps_unit_test(fail)
cps_unit_test(json)
cps_unit_test(packet)
cps_unit_test(secret)
