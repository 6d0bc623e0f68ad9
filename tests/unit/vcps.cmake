# SPDX-License-Identifier: Apache-2.0
cps_unit_test(vcps vcps_core)
