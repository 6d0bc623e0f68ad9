/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#15 directory files: the first byte chooses which, the rest is the file. What must hold: no
 * crash, counts within their maxima, terminated texts, paths within theirs.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/p15.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool truth)
{
    if (!truth)
        abort();
}

static const struct file_path application = {4, {0x3F, 0x00, 0x00, 0x01}};

static bool is_text(const char *text)
{
    return memchr(text, 0, P15_LABEL_MAX + 1) != NULL;
}

static void read_dir(struct span file)
{
    struct p15_application found;
    unsigned n = 0;

    while (p15_next_application(&file, &found)) {
        need(found.path.len <= FILE_PATH_MAX && found.aid.len <= P15_ID_MAX);
        need(++n < 100000);
    }
}

static void read_odf(struct span file)
{
    struct p15_directory directory = {.private_keys.n = 0};

    p15_read_odf(file, &application, &directory);
    need(directory.private_keys.n <= P15_FILES_MAX && directory.certificates.n <= P15_FILES_MAX &&
         directory.authentications.n <= P15_FILES_MAX && directory.data.n <= P15_FILES_MAX);
}

static void read_aodf(struct span file)
{
    struct p15_pins pins = {.n = 0};

    p15_read_aodf(file, &pins);
    need(pins.n <= P15_OBJECTS_MAX);
    for (size_t i = 0; i < pins.n; i++)
        need(pins.list[i].auth_id.len <= P15_ID_MAX && pins.list[i].unblocked_by.len <= P15_ID_MAX);
}

static void read_prkdf(struct span file)
{
    struct p15_keys keys = {.n = 0};

    p15_read_prkdf(file, &keys);
    need(keys.n <= P15_OBJECTS_MAX);
    for (size_t i = 0; i < keys.n; i++)
        need(keys.list[i].id.len <= P15_ID_MAX && is_text(keys.list[i].label));
}

static void read_cdf(struct span file)
{
    struct p15_certificates certificates = {.n = 0};

    p15_read_cdf(file, &application, &certificates);
    need(certificates.n <= P15_OBJECTS_MAX);
    for (size_t i = 0; i < certificates.n; i++)
        need(certificates.list[i].path.len <= FILE_PATH_MAX && is_text(certificates.list[i].label));
}

static void read_dodf(struct span file)
{
    struct p15_data_objects objects = {.n = 0};

    p15_read_dodf(file, &application, &objects);
    need(objects.n <= P15_DATA_MAX);
    for (size_t i = 0; i < objects.n; i++)
        need(objects.list[i].path.len <= FILE_PATH_MAX && is_text(objects.list[i].label) &&
             is_text(objects.list[i].application));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct span file) = {read_dir,   read_odf, read_aodf,
                                                        read_prkdf, read_cdf, read_dodf};

    if (size > 0)
        readers[data[0] % (sizeof readers / sizeof readers[0])]((struct span){data + 1, size - 1});
    return 0;
}
