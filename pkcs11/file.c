/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file.h"

#include <string.h>

#define INS_SELECT        0xA4
#define INS_READ_BINARY   0xB0
#define P1_BELOW_ROOT     0x08
#define P1_PATH           0x09
#define P2_NO_INFORMATION 0x0C
#define P1_SHORT_FILE     0x80
#define SW_WRONG_OFFSET   0x6B00

static bool is_from_root(struct span path)
{
    return path.len >= 2 && path.data[0] == 0x3F && path.data[1] == 0x00;
}

bool file_path_join(const struct file_path *base, struct span tail, struct file_path *ret_path)
{
    size_t kept = is_from_root(tail) ? 0 : base->len;

    if (tail.len > FILE_PATH_MAX - kept || tail.len % 2 != 0)
        return false;
    memmove(ret_path->bytes, base->bytes, kept);
    if (tail.len > 0)
        memcpy(ret_path->bytes + kept, tail.data, tail.len);
    ret_path->len = kept + tail.len;
    return true;
}

static cps_error send_select(struct transport *transport, const struct apdu *command,
                             uint16_t *ret_sw, struct fail *fail)
{
    struct apdu_answer answer;
    cps_error error = apdu_exchange(transport, command, &answer, fail);

    if (error == CPS_OK)
        *ret_sw = answer.sw;
    return error;
}

cps_error file_select(struct transport *transport, const struct file_path *path, uint16_t *ret_sw,
                      struct fail *fail)
{
    struct apdu command = {.ins = INS_SELECT,
                           .p1 = P1_PATH,
                           .p2 = P2_NO_INFORMATION,
                           .data = {path->bytes, path->len}};

    return send_select(transport, &command, ret_sw, fail);
}

/* Control information is asked for, as these cards are known to be asked, and left there. */
cps_error file_select_below_root(struct transport *transport, const struct file_path *path,
                                 uint16_t *ret_sw, struct fail *fail)
{
    size_t root = is_from_root((struct span){path->bytes, path->len}) ? 2 : 0;
    struct apdu command = {
        .ins = INS_SELECT, .p1 = P1_BELOW_ROOT, .data = {path->bytes + root, path->len - root}};

    return send_select(transport, &command, ret_sw, fail);
}

static cps_error read_block(struct transport *transport, size_t offset, size_t len,
                            struct apdu_answer *answer, struct fail *fail)
{
    struct apdu command = {
        .ins = INS_READ_BINARY, .p1 = (uint8_t)(offset >> 8), .p2 = (uint8_t)offset, .le = len};

    return apdu_exchange(transport, &command, answer, fail);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Adds a block to the file. *ret_end: the card has no more to give. */
static cps_error append(struct file *file, size_t asked, const struct apdu_answer *answer,
                        const char *what, bool *ret_end, struct fail *fail)
{
    bool past_end = file->len > 0 && answer->sw == SW_WRONG_OFFSET;

    if (answer->sw != APDU_SW_OK && answer->sw != APDU_SW_END_OF_FILE && !past_end)
        return apdu_refused(what, answer->sw, fail);
    if (answer->len > asked)
        return fail_set(fail, CPS_CARD_PROTOCOL, "%s: more bytes than asked", what);
    memcpy(file->data + file->len, answer->data, answer->len);
    file->len += answer->len;
    *ret_end = answer->len < asked || answer->sw != APDU_SW_OK;
    return CPS_OK;
}

cps_error file_read(struct transport *transport, const char *what, file_length_fn length_of,
                    struct file *ret_file, struct fail *fail)
{
    size_t wanted = 0;
    bool end = false;

    ret_file->len = 0;
    while (!end && ret_file->len < FILE_SIZE_MAX && (wanted == 0 || ret_file->len < wanted)) {
        size_t limit = wanted > 0 ? wanted : FILE_SIZE_MAX;
        size_t asked = smaller(limit - ret_file->len, APDU_LE_MAX);
        struct apdu_answer answer;
        cps_error error = read_block(transport, ret_file->len, asked, &answer, fail);

        if (error == CPS_OK)
            error = append(ret_file, asked, &answer, what, &end, fail);
        if (error != CPS_OK)
            return error;
        if (wanted == 0 && length_of != NULL)
            wanted = length_of(file_span(ret_file));
        if (wanted > FILE_SIZE_MAX)
            return CPS_OK; /* cut short: whoever needs it whole sees that it is not */
    }
    if (wanted > 0 && ret_file->len > wanted)
        ret_file->len = wanted;
    return CPS_OK;
}

cps_error file_read_short(struct transport *transport, uint8_t sfi, size_t len,
                          struct apdu_answer *ret_answer, struct fail *fail)
{
    struct apdu command = {.ins = INS_READ_BINARY, .p1 = P1_SHORT_FILE | sfi, .le = len};

    return apdu_exchange(transport, &command, ret_answer, fail);
}
