/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the format that writer and reader share. */
#pragma once

#define OCI_TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_LAYOUT_FILE   "oci-layout"
#define OCI_LAYOUT        "1.0.0"
#define OCI_NOTE          "org.opencontainers.image."
