/* SPDX-License-Identifier: Apache-2.0
 *
 * local - the files of pictures in a folder: <folder>/<2 characters>/<file>.
 *
 * A file is there whole or not at all, also after a power cut.  What a crash leaves
 * unfinished is "<file>.new", which goes when the file is removed.  One machine's: servers
 * that share a store share the folder too, or use another place.
 */
#ifndef SUT_MEDIA_LOCAL_H
#define SUT_MEDIA_LOCAL_H

#include "media/media.h"

/* The folder is made, 0700, when it is not there (its parent must be); ended by ret->close. */
SUT_ERR sut_media_local_open(sut_str folder, struct sut_media_place *ret);

#endif
