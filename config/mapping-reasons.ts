/** Why a national procedure is proposed for a local one, and what speaks against it, in plain words. `{…}` is filled in. */
export interface ReasonWords {
  /** Speaks for the candidate; otherwise against it. */
  readonly favours: boolean
  readonly vi: string
  readonly en: string
}

const favours = (vi: string, en: string): ReasonWords => ({ favours: true, vi, en })
const against = (vi: string, en: string): ReasonWords => ({ favours: false, vi, en })

export const mappingReasons = {
  'code-inside': favours('mã quốc gia nằm trong mã địa phương', 'the local code holds this national code'),
  'code-repaired': favours(
    'mã địa phương có vẻ là mã này bị hỏng hoặc nằm lẫn trong chữ',
    'the local code looks like this one, damaged or inside other text',
  ),
  'decided-elsewhere': favours(
    'cùng mã địa phương đã được chấp nhận cho mã này ở {count} đơn vị khác',
    'the same local code was accepted for this one at {count} other agencies',
  ),
  'same-name': favours('tên giống nhau', 'the names say the same'),
  'former-name': favours('giống tên cũ: “{name}”', 'fits a former name: "{name}"'),
  'similar-name': favours('tên giống {percent} %', 'the names are {percent} % alike'),
  'same-field': favours('cùng lĩnh vực {field}', 'same field: {field}'),
  'same-level': favours('cùng cấp thực hiện', 'same level'),
  'same-agency': favours('cùng cơ quan', 'same agency'),
  'other-act': against('khác việc: “{local}” / “{national}”', 'different act: "{local}" / "{national}"'),
  'other-grade': against('khác hạng, cấp, nhóm: “{local}” / “{national}”', 'different grade: "{local}" / "{national}"'),
  'other-side': against('khác đối tượng: “{local}” / “{national}”', 'different object: "{local}" / "{national}"'),
  'other-level': against('khác cấp: {local} / {national}', 'different level: {local} / {national}'),
  'other-field': against('khác lĩnh vực: {local} / {national}', 'different field: {local} / {national}'),
  negated: against('một bên có “không”, bên kia không có', 'one of them says "không" (not), the other does not'),
  'ministry-only': against('chỉ cấp bộ thực hiện', 'only a ministry does it'),
  closed: against('thủ tục đã bị bãi bỏ', 'the procedure was withdrawn'),
  'not-current': against('không có trong danh mục mới nhất', 'not in the newest list of the catalogue'),
  'name-says-other': against('tên giống {code} hơn (“{name}”)', 'the name fits {code} better ("{name}")'),
  'name-unlike': against('tên không giống', 'the names are not alike'),
  'same-name-twice': against('{count} mã khác cùng tên', '{count} other codes bear the same name'),
  'code-unknown': against(
    'mã {code} trong mã địa phương không có trong danh mục quốc gia',
    'the code {code} in the local code is not in the national catalogue',
  ),
} as const satisfies Record<string, ReasonWords>

export type MappingReason = keyof typeof mappingReasons
