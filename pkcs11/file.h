/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an ISO 7816-4 card: select without fetching control information, read in big blocks. */
#ifndef PKCS11_FILE_H
#define PKCS11_FILE_H

#include <stdint.h>

#include "pkcs11/apdu.h"

#define FILE_PATH_MAX 16
#define FILE_SIZE_MAX 8192

/* A path of two-byte file identifiers, from 3F00. */
struct file_path {
    size_t len;
    uint8_t bytes[FILE_PATH_MAX];
};

/* What was read of a file. */
struct file {
    size_t len;
    uint8_t data[FILE_SIZE_MAX];
};

static inline struct span file_span(const struct file *file)
{
    return (struct span){file->data, file->len};
}

/* base followed by tail; false when that is too long. A tail from 3F00 stands alone. */
bool file_path_join(const struct file_path *base, struct span tail, struct file_path *ret_path);

/* Selects a file or an application by path. *ret_sw: the card's word; only 9000 means selected. */
typedef cps_error (*file_select_fn)(struct transport *transport, const struct file_path *path,
                                    uint16_t *ret_sw, struct fail *fail);

/* The path as it is, from 3F00 on (IAS ECC). */
cps_error file_select(struct transport *transport, const struct file_path *path, uint16_t *ret_sw,
                      struct fail *fail);

/* The path below 3F00, which goes without saying (ISO 7816-4 section 7.1.1). */
cps_error file_select_below_root(struct transport *transport, const struct file_path *path,
                                 uint16_t *ret_sw, struct fail *fail);

/* What tells how long a file is from its first block; 0 when only its end can tell. */
typedef size_t (*file_length_fn)(struct span first);

/*
 * Reads the selected file from its start, to the length that length_of (which may be NULL) tells
 * or else to its end. A refusal by the card is CPS_CARD_PROTOCOL; what names the file there.
 */
cps_error file_read(struct transport *transport, const char *what, file_length_fn length_of,
                    struct file *ret_file, struct fail *fail);

/* Reads len bytes (at most APDU_LE_MAX) of the file of that short identifier, and selects it. */
cps_error file_read_short(struct transport *transport, uint8_t sfi, size_t len,
                          struct apdu_answer *ret_answer, struct fail *fail);

#endif
