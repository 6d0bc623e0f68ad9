/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pkcs11/pcsc_error.h"

static void each_value_has_its_meaning(void **state)
{
    static const struct {
        LONG rv;
        cps_error error;
    } table[] = {
        {SCARD_W_REMOVED_CARD, CPS_CARD_REMOVED},       {SCARD_E_NO_SMARTCARD, CPS_CARD_REMOVED},
        {SCARD_E_READER_UNAVAILABLE, CPS_CARD_REMOVED}, {SCARD_E_INVALID_VALUE, CPS_CARD_REMOVED},
        {SCARD_W_UNRESPONSIVE_CARD, CPS_CARD_MUTE},     {SCARD_W_UNPOWERED_CARD, CPS_CARD_MUTE},
        {SCARD_E_SHARING_VIOLATION, CPS_CARD_BUSY},     {SCARD_E_UNKNOWN_READER, CPS_NO_READER},
        {SCARD_E_NO_SERVICE, CPS_PCSC_UNAVAILABLE},     {SCARD_F_COMM_ERROR, CPS_PCSC_UNAVAILABLE},
        {SCARD_E_INVALID_PARAMETER, CPS_CARD_PROTOCOL},
    };
    struct fail fail = FAIL_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(pcsc_fail(table[i].rv, "SCardX", &fail), table[i].error);
        assert_int_equal(pcsc_refusal(table[i].rv, "SCardX", &fail), table[i].error);
    }
    assert_string_equal(fail.causes[0], "SCardX: 0x80100004");
}

static void a_reset_connection_is_a_refusal_only_at_first(void **state)
{
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(pcsc_refusal(SCARD_W_SECURITY_VIOLATION, "SCardConnect", &fail),
                     CPS_PCSC_REFUSED);
    assert_int_equal(pcsc_fail(SCARD_W_SECURITY_VIOLATION, "SCardTransmit", &fail),
                     CPS_PCSC_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_has_its_meaning),
        cmocka_unit_test(a_reset_connection_is_a_refusal_only_at_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
