/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs11/tlv.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

static void next_reads_tags_and_lengths(void **state)
{
    struct span in = SPAN("\x30\x01\xAA"
                          "\x5F\x24\x02\x12\x34"
                          "\xBF\x81\x01\x00"
                          "\x04\x81\x01\xBB"
                          "\x04\x82\x00\x01\xCC"
                          "\x04\x83\x00\x00\x01\xDD");
    static const uint32_t tags[] = {0x30, 0x5F24, 0xBF8101, 0x04, 0x04, 0x04};
    static const size_t lens[] = {1, 2, 0, 1, 1, 1};
    struct tlv tlv;

    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        assert_int_equal(tlv_next(&in, &tlv), TLV_FOUND);
        assert_int_equal(tlv.tag, tags[i]);
        assert_int_equal(tlv.value.len, lens[i]);
    }
    assert_int_equal(tlv.value.data[0], 0xDD);
    assert_int_equal(tlv_next(&in, &tlv), TLV_END);
}

static void filling_is_skipped(void **state)
{
    struct span in = SPAN("\x00\xFF\x04\x01\x42\x00\x00\xFF");
    struct tlv tlv;

    (void)state;
    assert_int_equal(tlv_next(&in, &tlv), TLV_FOUND);
    assert_int_equal(tlv.value.data[0], 0x42);
    assert_int_equal(tlv_next(&in, &tlv), TLV_END);
}

static void malformed_objects_are_refused(void **state)
{
    static const struct span bad[] = {
        {(const uint8_t *)"\x30", 1},                     /* no length */
        {(const uint8_t *)"\x30\x02\x00", 3},             /* shorter than announced */
        {(const uint8_t *)"\x30\x80\x00\x00", 4},         /* indefinite */
        {(const uint8_t *)"\x30\x84\x00\x00\x00\x00", 6}, /* length of four bytes */
        {(const uint8_t *)"\x30\x82\x01", 3},             /* length cut */
        {(const uint8_t *)"\x30\x83\xFF\xFF\xFF", 5},     /* sixteen megabytes */
        {(const uint8_t *)"\x5F", 1},                     /* tag cut */
        {(const uint8_t *)"\x5F\x81\x81\x81\x01\x00", 6}, /* tag of four bytes and more */
    };
    struct tlv tlv;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct span in = bad[i];

        assert_int_equal(tlv_next(&in, &tlv), TLV_MALFORMED);
        assert_ptr_equal(in.data, bad[i].data);
        assert_int_equal(in.len, bad[i].len);
    }
}

static void find_stops_at_what_is_malformed(void **state)
{
    struct span value;

    (void)state;
    assert_true(tlv_find(SPAN("\x04\x00\x5A\x01\x07"), 0x5A, &value));
    assert_int_equal(value.data[0], 7);
    assert_false(tlv_find(SPAN("\x04\x00"), 0x5A, &value));
    assert_false(tlv_find(SPAN("\x04\x09\x5A\x01\x07"), 0x5A, &value));
}

static void take_takes_only_its_tag(void **state)
{
    struct span in = SPAN("\x02\x01\x05\x04\x00");
    struct span value;

    (void)state;
    assert_false(tlv_take(&in, 0x04, &value));
    assert_int_equal(in.len, 5);
    assert_true(tlv_take(&in, 0x02, &value));
    assert_true(tlv_take(&in, 0x04, &value));
    assert_int_equal(value.len, 0);
    assert_int_equal(in.len, 0);
}

static void numbers(void **state)
{
    uint32_t number;

    (void)state;
    assert_true(tlv_uint(SPAN("\x00\x82"), &number));
    assert_int_equal(number, 0x82);
    assert_true(tlv_uint(SPAN("\x00\xFF\xFF\xFF\xFF"), &number));
    assert_int_equal(number, 0xFFFFFFFF);
    assert_false(tlv_uint(SPAN(""), &number));
    assert_false(tlv_uint(SPAN("\x01\x00\x00\x00\x00"), &number));
    assert_false(tlv_uint(SPAN("\x00\x00\x00\x00\x00\x01"), &number));
}

static void bits_of_lax_bit_strings(void **state)
{
    (void)state;
    assert_true(tlv_bit(SPAN("\x05\x60"), 1));
    assert_true(tlv_bit(SPAN("\x05\x60"), 2));
    assert_false(tlv_bit(SPAN("\x05\x60"), 3));
    assert_true(tlv_bit(SPAN("\x06\x00\x40"), 9));
    assert_false(tlv_bit(SPAN("\x08"), 0)); /* as real cards write it: invalid for DER */
    assert_false(tlv_bit(SPAN(""), 0));
    assert_false(tlv_bit(SPAN("\x00\xFF"), 8));
    assert_false(tlv_bit(SPAN("\x00\xFF"), UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_reads_tags_and_lengths),
        cmocka_unit_test(filling_is_skipped),
        cmocka_unit_test(malformed_objects_are_refused),
        cmocka_unit_test(find_stops_at_what_is_malformed),
        cmocka_unit_test(take_takes_only_its_tag),
        cmocka_unit_test(numbers),
        cmocka_unit_test(bits_of_lax_bit_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
