/**
 * The language of procedure names, as data: what is written short, what may be left out, and which words make two names
 * that look alike mean different things. `src/procedures/names.ts` and `traits.ts` read it; docs/mapping.md explains it.
 */

/**
 * Short forms found in provinces' lists and what they stand for. Lower case; the longest fits first. Only forms with one
 * meaning in procedure names belong here: `DN` may be an enterprise or a district, so it is left alone.
 */
export const abbreviations: Readonly<Record<string, string>> = {
  antt: 'an ninh, trật tự',
  attp: 'an toàn thực phẩm',
  bđs: 'bất động sản',
  bhtn: 'bảo hiểm thất nghiệp',
  bhxh: 'bảo hiểm xã hội',
  bhyt: 'bảo hiểm y tế',
  bvmt: 'bảo vệ môi trường',
  bvtv: 'bảo vệ thực vật',
  cccd: 'căn cước công dân',
  cmnd: 'chứng minh nhân dân',
  cntt: 'công nghệ thông tin',
  csdl: 'cơ sở dữ liệu',
  cty: 'công ty',
  đkkd: 'đăng ký kinh doanh',
  đtm: 'đánh giá tác động môi trường',
  'gd&đt': 'giáo dục và đào tạo',
  gdđt: 'giáo dục và đào tạo',
  gcn: 'giấy chứng nhận',
  gcnqsdđ: 'giấy chứng nhận quyền sử dụng đất',
  gp: 'giấy phép',
  gplx: 'giấy phép lái xe',
  gpxd: 'giấy phép xây dựng',
  gtgt: 'giá trị gia tăng',
  gtvt: 'giao thông vận tải',
  hđnd: 'hội đồng nhân dân',
  htx: 'hợp tác xã',
  'kh&cn': 'khoa học và công nghệ',
  khcn: 'khoa học và công nghệ',
  ktxh: 'kinh tế - xã hội',
  lđtbxh: 'lao động - thương binh và xã hội',
  lhhtx: 'liên hiệp hợp tác xã',
  nđt: 'nhà đầu tư',
  nlđ: 'người lao động',
  ntm: 'nông thôn mới',
  pccc: 'phòng cháy và chữa cháy',
  qsd: 'quyền sử dụng',
  qsdđ: 'quyền sử dụng đất',
  qsh: 'quyền sở hữu',
  sxkd: 'sản xuất kinh doanh',
  tckt: 'tài chính kế toán',
  thcs: 'trung học cơ sở',
  thpt: 'trung học phổ thông',
  tncn: 'thu nhập cá nhân',
  tndn: 'thu nhập doanh nghiệp',
  tnhh: 'trách nhiệm hữu hạn',
  tnmt: 'tài nguyên và môi trường',
  tthc: 'thủ tục hành chính',
  'tn&mt': 'tài nguyên và môi trường',
  ttll: 'thông tin liên lạc',
  tw: 'trung ương',
  ubnd: 'ủy ban nhân dân',
  vlncn: 'vật liệu nổ công nghiệp',
  vlxd: 'vật liệu xây dựng',
  vsattp: 'vệ sinh an toàn thực phẩm',
  xnc: 'xuất nhập cảnh',
  xnk: 'xuất nhập khẩu',
}

/**
 * What a procedure does, as it stands at the head of a name, and the act it is counted as. "Cấp lại" is not "cấp", though
 * most of the two names may be the same; "cấp mới" is. Longer forms come first by length, not by order.
 */
export const acts: Readonly<Record<string, string>> = {
  'bãi bỏ': 'hủy',
  'báo cáo': 'báo cáo',
  'bổ nhiệm': 'bổ nhiệm',
  'bổ nhiệm lại': 'bổ nhiệm lại',
  'bổ sung': 'sửa đổi',
  cấp: 'cấp',
  'cấp bản sao': 'cấp bản sao',
  'cấp bổ sung': 'sửa đổi',
  'cấp đổi': 'cấp đổi',
  'cấp gia hạn': 'gia hạn',
  'cấp lại': 'cấp lại',
  'cấp lần đầu': 'cấp',
  'cấp mới': 'cấp',
  'cấp phép': 'cấp',
  'cấp sửa đổi': 'sửa đổi',
  'cấp điều chỉnh': 'sửa đổi',
  'chấm dứt': 'chấm dứt',
  'chấp thuận': 'chấp thuận',
  'chia tách': 'chia tách',
  'cho phép': 'cho phép',
  'chuyển đổi': 'chuyển đổi',
  'chuyển nhượng': 'chuyển nhượng',
  'chứng nhận': 'chứng nhận',
  'chứng thực': 'chứng thực',
  'công bố': 'công bố',
  'công bố lại': 'công bố lại',
  'công nhận': 'công nhận',
  'công nhận lại': 'công nhận lại',
  'điều chỉnh': 'sửa đổi',
  'đăng ký': 'đăng ký',
  'đăng ký lại': 'đăng ký lại',
  'đăng ký thay đổi': 'thay đổi',
  'đình chỉ': 'đình chỉ',
  đổi: 'cấp đổi',
  'gia hạn': 'gia hạn',
  'giải quyết': 'giải quyết',
  'giải thể': 'giải thể',
  hủy: 'hủy',
  'hủy bỏ': 'hủy',
  'khôi phục': 'phục hồi',
  'kiểm tra': 'kiểm tra',
  'miễn nhiệm': 'miễn nhiệm',
  'phê duyệt': 'phê duyệt',
  'phục hồi': 'phục hồi',
  'sáp nhập': 'sáp nhập',
  'sửa đổi': 'sửa đổi',
  'tạm dừng': 'tạm ngừng',
  'tạm ngừng': 'tạm ngừng',
  'thành lập': 'thành lập',
  'thay đổi': 'thay đổi',
  'thẩm định': 'thẩm định',
  'thông báo': 'thông báo',
  'thu hồi': 'thu hồi',
  'tiếp nhận': 'tiếp nhận',
  'trả lại': 'trả lại',
  'xác nhận': 'xác nhận',
  xóa: 'xóa',
  'xóa đăng ký': 'xóa',
}

/** Acts that are close enough to be a difference of wording: one is no proof against the other, only a doubt. */
export const akinActs: readonly (readonly string[])[] = [
  ['sửa đổi', 'thay đổi', 'cấp đổi', 'chuyển đổi'],
  ['cấp', 'cho phép', 'chấp thuận', 'cấp phép'],
  ['công nhận', 'chứng nhận', 'xác nhận'],
]

/** Words before a grade: "hạng II", "cấp III", "nhóm B", "bảng 2". Two names with different grades differ. */
export const gradeNouns = ['bảng', 'bậc', 'cấp', 'hạng', 'loại', 'nhóm', 'lần', 'mẫu', 'mức', 'phụ lục'] as const

/** Grades that are words and not numbers or letters. */
export const gradeWords = ['đầu', 'thứ hai', 'đặc biệt'] as const

/** Groups of words of which a procedure means some and not the others. */
export const sides: readonly (readonly string[])[] = [
  ['nhập khẩu', 'xuất khẩu', 'tạm nhập', 'tái xuất', 'quá cảnh', 'chuyển khẩu'],
  ['trong nước', 'nước ngoài'],
  ['cá nhân', 'tổ chức', 'doanh nghiệp', 'hộ gia đình', 'cộng đồng dân cư', 'hộ kinh doanh', 'hợp tác xã'],
  ['ngoài công lập', 'công lập', 'tư thục', 'dân lập'],
  ['mầm non', 'mẫu giáo', 'tiểu học', 'trung học cơ sở', 'trung học phổ thông', 'trung cấp', 'cao đẳng', 'đại học'],
  ['đường bộ', 'đường sắt', 'đường thủy', 'hàng không', 'hàng hải', 'hàng hải và đường thủy'],
  ['khai sinh', 'khai tử', 'kết hôn', 'giám hộ', 'nhận cha', 'cải chính', 'con nuôi'],
  ['mô tô', 'ô tô', 'xe máy chuyên dùng', 'xe đạp'],
  ['thường trú', 'tạm trú', 'tạm vắng'],
  ['còn sống', 'từ trần', 'hy sinh'],
  ['lào', 'campuchia', 'trung quốc', 'thái lan'],
  ['rượu', 'thuốc lá', 'xăng dầu', 'vàng'],
  ['bán buôn', 'bán lẻ'],
  ['nước mặt', 'nước dưới đất', 'nước biển', 'nước thải', 'khí thải', 'chất thải rắn'],
  ['tàu biển', 'tàu bay', 'tàu cá', 'quyền sử dụng đất'],
  ['chi nhánh', 'văn phòng đại diện', 'trụ sở chính', 'địa điểm kinh doanh'],
  ['một thành viên', 'hai thành viên', 'cổ phần', 'hợp danh', 'tư nhân'],
  ['quân nhân', 'công an', 'cơ yếu', 'thanh niên xung phong', 'dân quân'],
]

/** Who decides, when a name says it, by the level it means. Longer forms come first by length. */
export const levelWords: Readonly<Record<string, 'ministry' | 'province' | 'district' | 'commune'>> = {
  'cấp bộ': 'ministry',
  'cấp trung ương': 'ministry',
  'cấp cục': 'ministry',
  'thủ tướng chính phủ': 'ministry',
  'quốc hội': 'ministry',
  'cấp tỉnh': 'province',
  'ủy ban nhân dân tỉnh': 'province',
  'ủy ban nhân dân thành phố': 'province',
  'cấp huyện': 'district',
  'ủy ban nhân dân huyện': 'district',
  'cấp xã': 'commune',
  'ủy ban nhân dân xã': 'commune',
}
