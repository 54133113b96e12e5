// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "kin.hpp"

#include "gst_ptr.hpp"
#include "seek_bases.hpp"
#include "segment_math.hpp"

namespace catcher::plugin {
namespace {

GQuark kin_quark() {
  return g_quark_from_static_string("catcher-kin");
}

using ObjectPtr = GstPtr<GstObject>;

ObjectPtr top_of(GstElement* element) {
  ObjectPtr top(GST_OBJECT_CAST(gst_object_ref(element)));
  while (GstObject* parent = gst_object_get_parent(top.get())) top.reset(parent);
  return top;
}

}  // namespace

void mark_as_kin(GstElement* element) {
  g_object_set_qdata(G_OBJECT(element), kin_quark(), element);
}

bool has_kin(GstElement* element) {
  const ObjectPtr top = top_of(element);
  if (!GST_IS_BIN(top.get())) return false;
  GstIterator* all = gst_bin_iterate_recurse(GST_BIN(top.get()));
  // The iterator starts again when elements come and go; finding is not hurt by that.
  GValue found = G_VALUE_INIT;
  const gboolean any = gst_iterator_find_custom(
      all,
      [](gconstpointer item, gconstpointer self) -> gint {
        gpointer other = g_value_get_object(static_cast<const GValue*>(item));
        return other != self && g_object_get_qdata(G_OBJECT(other), kin_quark()) != nullptr ? 0 : 1;
      },
      &found, element);
  if (any) g_value_unset(&found);
  gst_iterator_free(all);
  return any;
}

gconstpointer pipeline_of(GstElement* element) {
  return top_of(element).get();
}

GstClockTime shared_base(GstElement* element, guint32 seqnum) {
  // Never destroyed: elements may go as late as the process does.
  static SeekBases* const bases = new SeekBases;
  return bases->of(top_of(element).get(), seqnum, running_time_now(element));
}

}  // namespace catcher::plugin
