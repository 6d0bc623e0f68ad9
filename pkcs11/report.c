/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "pkcs11/report_ask.h"

#define APPLICATIONS_MAX 4
#define FILES_MAX        12

/* Entries of the ODF. */
#define TAG_CDF  0xA4
#define TAG_DODF 0xA7
#define TAG_AODF 0xA8

static void cleanup_report(struct report **report)
{
    report_free(*report);
}

/* Files that entries of the ODF lead to, whatever their kind. */
static size_t list_files(struct span odf, const struct p15_application *application,
                         struct file_path *list, uint32_t *tags)
{
    struct tlv entry;
    size_t n = 0;

    while (n < FILES_MAX && tlv_next(&odf, &entry) == TLV_FOUND) {
        struct span sequence;
        struct span path;

        tags[n] = entry.tag;
        if (tlv_find(entry.value, 0x30, &sequence) && tlv_find(sequence, 0x04, &path) &&
            file_path_join(&application->path, path, &list[n]))
            n++;
    }
    return n;
}

/* Asking a code's state is harmless on a CPS card; on others nobody knows. */
static bool is_cps(const struct p15_application *application)
{
    static const uint8_t prefix[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01};

    return application->aid.len >= sizeof prefix &&
           memcmp(application->aid.bytes, prefix, sizeof prefix) == 0;
}

/* What a directory of objects names in its turn. */
static cps_error describe_named(struct report *report, const struct p15_application *application,
                                uint32_t tag, struct fail *fail)
{
    AUTO_FREE struct p15_data_objects *data = calloc(1, sizeof *data);
    AUTO_FREE struct p15_certificates *certificates = calloc(1, sizeof *certificates);
    struct p15_pins pins = {.n = 0};
    struct span content = file_span(&report->file);
    cps_error error = CPS_OK;

    if (data == NULL || certificates == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (tag == TAG_AODF)
        p15_read_aodf(content, &pins);
    if (tag == TAG_CDF)
        p15_read_cdf(content, &application->path, certificates);
    if (tag == TAG_DODF)
        p15_read_dodf(content, &application->path, data);
    for (size_t i = 0; error == CPS_OK && i < certificates->n; i++)
        error = report_describe(report, "certificate", &certificates->list[i].path, REPORT_LENGTH,
                                REPORT_DIRECTORY, fail);
    for (size_t i = 0; error == CPS_OK && i < data->n; i++)
        error = report_describe(report, "data object", &data->list[i].path, REPORT_NOTHING,
                                REPORT_DIRECTORY, fail);
    if (error == CPS_OK && is_cps(application))
        error = report_describe_codes(report, &pins, fail);
    return error;
}

static cps_error describe_application(struct report *report,
                                      const struct p15_application *application, struct fail *fail)
{
    static const uint8_t odf_id[] = {0x50, 0x31};
    static const uint8_t info_id[] = {0x50, 0x32};
    struct file_path list[FILES_MAX];
    uint32_t tags[FILES_MAX];
    struct file_path path;
    size_t n = 0;
    cps_error error = report_describe_objects(report, &application->path, false, fail);

    if (error == CPS_OK && file_path_join(&application->path, (struct span){info_id, 2}, &path))
        error = report_describe(report, "TokenInfo", &path, REPORT_TREE, REPORT_DIRECTORY, fail);
    if (error == CPS_OK && file_path_join(&application->path, (struct span){odf_id, 2}, &path)) {
        error = report_describe(report, "ODF", &path, REPORT_TREE, REPORT_DIRECTORY, fail);
        n = list_files(file_span(&report->file), application, list, tags);
    }
    for (size_t i = 0; error == CPS_OK && i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "ODF %02X", tags[i]);
        error = report_describe(report, name, &list[i], REPORT_TREE, REPORT_DIRECTORY, fail);
        if (error == CPS_OK)
            error = describe_named(report, application, tags[i], fail);
    }
    return error;
}

static cps_error describe_card(struct report *report, struct fail *fail)
{
    static const struct file_path root = {2, {0x3F, 0x00}};
    static const struct file_path ef_atr = {4, {0x3F, 0x00, 0x2F, 0x01}};
    static const struct file_path ef_serial = {4, {0x3F, 0x00, 0xD0, 0x03}};
    static const struct file_path ef_dir = {4, {0x3F, 0x00, 0x2F, 0x00}};
    struct p15_application applications[APPLICATIONS_MAX];
    struct span dir;
    size_t n = 0;
    cps_error error =
        report_describe(report, "EF.ATR", &ef_atr, REPORT_TREE, REPORT_CARD_DATA, fail);

    if (error == CPS_OK)
        error = report_describe(report, "EF.SN", &ef_serial, REPORT_TREE, REPORT_DIRECTORY, fail);
    if (error == CPS_OK)
        error = report_describe_objects(report, &root, true, fail);
    if (error == CPS_OK)
        error = report_describe(report, "EF.DIR", &ef_dir, REPORT_TREE, REPORT_DIRECTORY, fail);
    dir = file_span(&report->file);
    while (error == CPS_OK && n < APPLICATIONS_MAX && p15_next_application(&dir, &applications[n]))
        n++;
    for (size_t i = 0; error == CPS_OK && i < n; i++)
        error = describe_application(report, &applications[i], fail);
    return error;
}

static json_t *atr_of(const struct transport *transport)
{
    char text[2 * TRANSPORT_ATR_MAX + 1] = "";

    for (size_t i = 0; i < transport->atr_len; i++)
        snprintf(text + 2 * i, 3, "%02X", transport->atr[i]);
    return json_string(text);
}

cps_error report_card(struct transport *transport, json_t **ret_report, struct fail *fail)
{
    CLEANUP(cleanup_report) struct report *report = report_new(transport);
    cps_error error;
    bool cut;

    if (report == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = report_start(report, fail);
    if (error == CPS_OK)
        error = describe_card(report, fail);
    cut = error == CPS_TOO_LARGE || report->text_left == 0;
    if (error != CPS_OK && !cut)
        return error;
    *ret_report = json_pack("{s:o, s:s, s:b, s:O, s:O, s:O, s:O}", "atr", atr_of(transport),
                            "protocol", transport->protocol == TRANSPORT_T0 ? "T=0" : "T=1", "cut",
                            cut, "files", report->files, "objects", report->objects, "codes",
                            report->codes, "apdus", report->apdus);
    return *ret_report != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "out of memory");
}
