/* SPDX-License-Identifier: Apache-2.0 */
/* The card's file tree: a master file, application DFs under it, elementary files in each. Built
 * once from the image; only UPDATE BINARY changes it. */
#ifndef VCPS_FS_H
#define VCPS_FS_H

#include "apdu.h"
#include "der.h"
#include "image.h"

enum {
    FS_MF = 0x3F00,
    FS_FILES_MAX = 80,
};

struct fs_file {
    uint16_t df, fid;
    uint8_t sfi; /* 0: none */
    enum access read, update;
    uint8_t *data;
    size_t len;
};

struct fs {
    const struct image *image;
    struct fs_file files[FS_FILES_MAX];
    size_t n_files;
    /* Current selection. `ef` is NULL when only a DF is selected. */
    uint16_t df;
    struct fs_file *ef;
};

bool fs_init(struct fs *fs, const struct image *im);
void fs_done(struct fs *fs);

/* After power on or reset: the MF is current. */
void fs_reset(struct fs *fs);

/* Applications that the card's interface reaches, else NULL. */
const struct image_app *fs_current_app(const struct fs *fs);
const struct image_app *fs_app_by_df(const struct fs *fs, uint16_t df);
const struct image_app *fs_app_by_aid(const struct fs *fs, const uint8_t *aid, size_t n);

struct fs_file *fs_find_child(struct fs *fs, uint16_t df, uint16_t fid);

uint16_t fs_read(struct fs *fs, const struct apdu *a, bool pin_ok, struct reply *r);
uint16_t fs_update(struct fs *fs, const struct apdu *a, bool pin_ok);

#endif
