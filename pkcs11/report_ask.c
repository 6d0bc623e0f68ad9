/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/report_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/util.h"

/* Together they fit a packet. */
#define APDUS_MAX 250
#define TEXT_MAX  (24 * 1024)

#define INS_SELECT      0xA4
#define INS_READ_BINARY 0xB0
#define INS_VERIFY      0x20
#define INS_GET_DATA    0xCB
#define P1_BY_NAME      0x04

/* How a family of cards wants to be spoken to. */
struct report_dialect {
    uint8_t channel;
    uint8_t p1;           /* SELECT by path */
    uint8_t p2;           /* … with control parameters */
    uint8_t root_p2;      /* SELECT of the root applet */
    bool from_below_root; /* paths without 3F00 */
};

static const struct report_dialect dialects[] = {
    {0, 0x09, 0x04, 0x00, false},
    {1, 0x08, 0x00, 0x0C, true},
};

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char text[2 * APDU_DATA_MAX + 32];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < len && at + 3 < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%02X", bytes[i]);
    return json_string(text);
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static cps_error wire_transmit(struct transport *transport, const uint8_t *command, size_t len,
                               uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail)
{
    struct report *report = (struct report *)transport;
    int64_t started = now_us();
    cps_error error;

    if (json_array_size(report->apdus) >= APDUS_MAX)
        return fail_set(fail, CPS_TOO_LARGE, "more than %d commands", APDUS_MAX);
    error = report->card->ops->transmit(report->card, command, len, answer, size, ret_len, fail);
    if (error == CPS_OK && *ret_len >= 2)
        json_array_append_new(report->apdus,
                              json_pack("{s:o, s:o, s:I, s:I}", "command", hex(command, len), "sw",
                                        hex(answer + *ret_len - 2, 2), "length",
                                        (json_int_t)(*ret_len - 2), "us",
                                        (json_int_t)(now_us() - started)));
    return error;
}

struct report *report_new(struct transport *card)
{
    static const struct transport_ops ops = {.transmit = wire_transmit};
    struct report *report = calloc(1, sizeof *report);

    if (report == NULL)
        return NULL;
    report->wire.ops = &ops;
    report->card = card;
    report->text_left = TEXT_MAX;
    report->apdus = json_array();
    report->files = json_array();
    report->objects = json_array();
    report->codes = json_array();
    return report;
}

void report_free(struct report *report)
{
    if (report == NULL)
        return;
    json_decref(report->apdus);
    json_decref(report->files);
    json_decref(report->objects);
    json_decref(report->codes);
    free(report);
}

/* What the card refuses, or answers out of shape, is part of the report. */
static bool goes_on(cps_error error)
{
    return error == CPS_OK || error == CPS_CARD_PROTOCOL;
}

static json_t *tree_of(struct report *report, struct span data, enum report_kind kind)
{
    json_t *lines = json_array();

    report_tree(data, kind, lines, &report->text_left);
    return lines;
}

static cps_error exchange(struct report *report, const struct apdu *command,
                          struct apdu_answer *answer, struct fail *fail)
{
    *answer = (struct apdu_answer){.sw = 0};
    return apdu_exchange(&report->wire, command, answer, fail);
}

static json_t *sw_of(const struct apdu_answer *answer)
{
    const uint8_t sw[] = {(uint8_t)(answer->sw >> 8), (uint8_t)answer->sw};

    return hex(sw, sizeof sw);
}

static cps_error select_name(struct report *report, struct span name, uint8_t p2, json_t **ret_line,
                             struct fail *fail)
{
    struct apdu command = {.ins = INS_SELECT, .p1 = P1_BY_NAME, .p2 = p2, .data = name};
    struct apdu_answer answer;
    cps_error error;

    command.le = p2 == report->dialect->p2 ? APDU_LE_MAX : 0;
    error = exchange(report, &command, &answer, fail);
    *ret_line = json_pack("{s:o, s:o}", "name", hex(name.data, name.len), "sw", sw_of(&answer));
    return error;
}

/* The dialect in which the root applet answers; the first when none does. */
static cps_error find_dialect(struct report *report, struct fail *fail)
{
    static const uint8_t root[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};
    cps_error error = CPS_OK;

    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0] && goes_on(error); i++) {
        AUTO_JSON json_t *line = NULL;

        report->dialect = &dialects[i];
        report->wire.channel = dialects[i].channel;
        error =
            select_name(report, (struct span){root, sizeof root}, dialects[i].root_p2, &line, fail);
        if (strcmp(json_string_value(json_object_get(line, "sw")), "9000") == 0)
            return error;
    }
    report->dialect = &dialects[0];
    report->wire.channel = dialects[0].channel;
    return error;
}

/* The length that a certificate or another object announces, from its first four bytes. */
static cps_error read_content(struct report *report, enum report_content content,
                              enum report_kind kind, json_t *entry, struct fail *fail)
{
    struct apdu head = {.ins = INS_READ_BINARY, .le = 4};
    struct apdu_answer answer;
    struct span data;
    cps_error error;

    if (content == REPORT_LENGTH) {
        error = exchange(report, &head, &answer, fail);
        if (error == CPS_OK && answer.len == 4 && answer.data[1] == 0x82)
            json_object_set_new(entry, "announces",
                                json_integer(4 + (answer.data[2] << 8 | answer.data[3])));
        return error;
    }
    error = file_read(&report->wire, "file", NULL, &report->file, fail);
    if (error != CPS_OK)
        return error;
    data = file_span(&report->file);
    /* EF.ATR begins with the category indicator 80, which is no TLV. */
    if (kind == REPORT_CARD_DATA && data.len > 0 && data.data[0] == 0x80)
        data = (struct span){data.data + 1, data.len - 1};
    json_object_set_new(entry, "length", json_integer((json_int_t)report->file.len));
    json_object_set_new(entry, "content", tree_of(report, data, kind));
    return CPS_OK;
}

/* Selects by path for the control parameters, and reads what may be read. */
static cps_error describe_selected(struct report *report, const char *name,
                                   const struct file_path *path, enum report_content content,
                                   enum report_kind kind, struct fail *fail)
{
    size_t skipped = report->dialect->from_below_root && path->len > 2 ? 2 : 0;
    struct apdu select = {.ins = INS_SELECT,
                          .p1 = report->dialect->p1,
                          .p2 = report->dialect->p2,
                          .data = {path->bytes + skipped, path->len - skipped},
                          .le = APDU_LE_MAX};
    struct apdu_answer answer;
    cps_error error = exchange(report, &select, &answer, fail);
    json_t *entry =
        json_pack("{s:s, s:o, s:o, s:o}", "name", name, "path", hex(path->bytes, path->len), "sw",
                  sw_of(&answer), "control",
                  tree_of(report, (struct span){answer.data, answer.len}, REPORT_CONTROL));

    json_array_append_new(report->files, entry);
    report->file.len = 0;
    if (error == CPS_OK && answer.sw == APDU_SW_OK && content != REPORT_NOTHING)
        error = read_content(report, content, kind, entry, fail);
    return goes_on(error) ? CPS_OK : error;
}

static cps_error begin(struct report *report, struct fail *fail)
{
    return report->card->ops->begin(report->card, fail);
}

static void end(struct report *report)
{
    report->card->ops->end(report->card);
}

cps_error report_describe(struct report *report, const char *name, const struct file_path *path,
                          enum report_content content, enum report_kind kind, struct fail *fail)
{
    cps_error error = begin(report, fail);

    if (error != CPS_OK)
        return error;
    error = describe_selected(report, name, path, content, kind, fail);
    end(report);
    return error;
}

/* A security data object of the class in cc, by its reference (IAS ECC). */
static cps_error describe_object(struct report *report, const struct file_path *directory,
                                 const char *name, uint8_t class, uint8_t reference,
                                 struct fail *fail)
{
    const uint8_t request[] = {0x4D, 0x08, 0x70, 0x06, 0xBF, class, reference, 0x02, 0xA0, 0x80};
    struct apdu get = {.ins = INS_GET_DATA,
                       .p1 = 0x3F,
                       .p2 = 0xFF,
                       .data = {request, sizeof request},
                       .le = APDU_LE_MAX};
    struct apdu_answer answer;
    cps_error error = exchange(report, &get, &answer, fail);

    json_array_append_new(
        report->objects,
        json_pack("{s:o, s:s, s:i, s:o, s:o}", "directory", hex(directory->bytes, directory->len),
                  "name", name, "reference", reference, "sw", sw_of(&answer), "content",
                  tree_of(report, (struct span){answer.data, answer.len}, REPORT_SECURITY)));
    return goes_on(error) ? CPS_OK : error;
}

cps_error report_describe_objects(struct report *report, const struct file_path *directory,
                                  bool is_root, struct fail *fail)
{
    static const struct {
        const char *name;
        uint8_t class;
        uint8_t first, last;
        bool in_root;
    } classes[] = {
        {"PIN", 0x81, 1, 2, true},
        {"security environment", 0xFB, 1, 3, true},
        {"private key", 0x90, 1, 3, false},
    };
    cps_error error = begin(report, fail);

    if (error != CPS_OK)
        return error;
    error = describe_selected(report, "directory", directory, REPORT_NOTHING, REPORT_CONTROL, fail);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        for (uint8_t n = classes[i].first; error == CPS_OK && n <= classes[i].last; n++)
            if (classes[i].in_root == is_root)
                error =
                    describe_object(report, directory, classes[i].name, classes[i].class, n, fail);
    end(report);
    return error;
}

cps_error report_describe_codes(struct report *report, const struct p15_pins *pins,
                                struct fail *fail)
{
    cps_error error = begin(report, fail);

    if (error != CPS_OK)
        return error;
    for (size_t i = 0; error == CPS_OK && i < pins->n; i++) {
        const struct p15_pin *pin = &pins->list[i];
        struct apdu verify = {.ins = INS_VERIFY, .p2 = pin->reference};
        struct apdu_answer answer;

        error = exchange(report, &verify, &answer, fail);
        json_array_append_new(report->codes,
                              json_pack("{s:i, s:i, s:i, s:b, s:b, s:o}", "reference",
                                        pin->reference, "min", (int)pin->min_len, "max",
                                        (int)pin->max_len, "digits", pin->digits, "unblocking",
                                        pin->unblocking, "sw", sw_of(&answer)));
        error = goes_on(error) ? CPS_OK : error;
    }
    end(report);
    return error;
}

cps_error report_start(struct report *report, struct fail *fail)
{
    cps_error error = begin(report, fail);

    if (error != CPS_OK)
        return error;
    error = report->card->ops->reset(report->card, fail);
    report->wire.protocol = report->card->protocol;
    if (error == CPS_OK)
        error = find_dialect(report, fail);
    end(report);
    return goes_on(error) ? CPS_OK : error;
}
