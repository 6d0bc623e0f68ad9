# SPDX-License-Identifier: Apache-2.0
cps_unit_test(b64)
