import { ANTHROPIC, AZURE, CONVERSE, COUNT, type Door, INVOKE, MISTRAL, OPENAI, TOKENS, VERTEX } from '../doors.ts'
import { denied, type Expected, refused, rows, type Way } from '../row.ts'

const more = (text: string, expected: Expected) => (): Way => ({ sending: { more: `,${text}` }, expected })
const no = refused(400)
const reference = denied('models/reference')
const message =
  (content: string) =>
  ({ form }: Door): Way => ({
    sending: {
      body: (usual) =>
        usual.replace(
          form === 'bedrock' && !usual.includes('anthropic_version') ? '[{"text":"hello"}]' : '"hello"',
          content,
        ),
    },
    expected: reference,
  })

/** Members of the body that could name a place, another model or another account. */
export const MEMBERS = [
  ...rows('member of the body', [OPENAI, AZURE, MISTRAL, VERTEX], {
    'the model twice': more('"model":"us"', no),
    'the model twice, by an escape': more('"mod\\u0065l":"us"', no),
    'extra_body with another base_url': more('"extra_body":{"base_url":"https://us.api.openai.com/v1"}', no),
    'a list of fallbacks': more('"fallbacks":["us"]', no),
    'models, as OpenRouter has it': more('"models":["us"],"route":"fallback"', no),
    'provider with an order': more('"provider":{"order":["us"]}', no),
    aws_region_name: more('"aws_region_name":"us-east-1"', no),
    vertex_location: more('"vertex_location":"us-central1"', no),
    allowed_model_region: more('"allowed_model_region":"us"', no),
    'api_base below vllm_xargs': more('"vllm_xargs":{"api_base":"https://us.api.openai.com"}', no),
    extra_headers: more('"extra_headers":{"host":"us.api.openai.com"}', no),
    'a recorder in the metadata': more('"metadata":{"langfuse_host":"https://us.cloud.langfuse.com"}', no),
    callbacks: more('"success_callback":["langsmith"]', no),
    'Model, which Go reads as the model': more('"Model":"us"', no),
    'messages with two long s': more('"me\u017f\u017fages":[{"role":"user","content":"us"}]', no),
    'the model in extra_body': more('"extra_body":{"model":"us"}', no),
    'the model in vllm_xargs': more('"vllm_xargs":{"model":"us"}', no),
    'api_base in Extra_Body': more('"Extra_Body":{"api_base":"https://us.api.openai.com"}', no),
    'api_base in an extra_body of extra_body': more(
      '"extra_body":{"extra_body":{"api_base":"https://us.example"}}',
      no,
    ),
    'extra_body in a list': more('"extra_body":[{"api_base":"https://us.example"}]', no),
    'extra_body as JSON in a string': more('"extra_body":"{\\"api_base\\":\\"https://us.example\\"}"', no),
    'Fallbacks in capitals': more('"Fallbacks":["us"]', no),
    'Models in capitals': more('"Models":["us"]', no),
    'Provider in capitals': more('"Provider":{"order":["us"]}', no),
    'a search of the web in capitals': more('"Web_Search_Options":{}', no),
    'what is kept, in capitals': more('"Store":true,"User":"u","Metadata":{"a":"b"}', no),
  }),
  ...rows('member of the body', [ANTHROPIC, INVOKE], {
    'inference_geo global': more('"inference_geo":"global"', no),
    'inference_geo of a place that is none': more('"inference_geo":"eu"', no),
    'inference_geo twice': more('"inference_geo":"us","inference_geo":"global"', no),
    'inference_geo in capitals': more('"Inference_Geo":"global"', no),
    'inference_geo null asks for nothing and is left out': more('"inference_geo":null', {
      kind: 'kept',
      lacks: ['inference_geo'],
      has: [],
    }),
    'inference_geo as a list': more('"inference_geo":["us","global"]', no),
    'fallbacks to another model': more('"fallbacks":[{"model":"claude-us"}]', no),
    'a workspace': more('"workspace_id":"wrkspc_us"', no),
    region: more('"region":"us-east-1"', no),
    location: more('"location":"us"', no),
    'a beta in the body': more('"anthropic_beta":["server-side-fallback-2026-06-01"]', no),
  }),
  ...rows('member of the body', [CONVERSE, TOKENS], {
    'additionalModelRequestFields with inference_geo': more(
      '"additionalModelRequestFields":{"inference_geo":"global"}',
      no,
    ),
    'additionalModelRequestFields with another model': more(
      '"additionalModelRequestFields":{"model":"us","messages":[]}',
      no,
    ),
    'a beta in additionalModelRequestFields': more(
      '"additionalModelRequestFields":{"anthropic_beta":["server-side-fallback-2026-06-01"]}',
      no,
    ),
  }),
  ...rows('member of the body', [CONVERSE], {
    'modelId in the body': more('"modelId":"fra-global"', refused(400, 403)),
    'inferenceProfile in the body': more('"inferenceProfileArn":"us"', refused(400, 403)),
  }),
]

/** What lies elsewhere, and what somebody else fetches, runs or keeps. */
export const REFERENCES = [
  ...rows('reference', [OPENAI, AZURE, VERTEX], {
    'a picture at an address': message('[{"type":"image_url","image_url":{"url":"https://us.example/x.png"}}]'),
    'a file that is kept at the provider': message('[{"type":"file","file":{"file_id":"file-us"}}]'),
    'an address in place of a file id': message('[{"type":"file","file":{"file_id":"https://us.example/x.pdf"}}]'),
    'an earlier answer': more('"previous_response_id":"resp_us"', reference),
    'a conversation': more('"conversation":"conv_us"', reference),
    'a vector store': more('"tools":[{"type":"file_search","vector_store_ids":["vs_us"]}]', reference),
    'a search of the web': more('"web_search_options":{}', reference),
    'a server of tools': more(
      '"tools":[{"type":"mcp","server_label":"x","server_url":"https://us.example/mcp"}]',
      reference,
    ),
    'data sources of Azure': more(
      '"data_sources":[{"type":"azure_search","parameters":{"endpoint":"https://us.search.windows.net"}}]',
      reference,
    ),
    'a call to be kept': more('"store":true', reference),
    'a call to be kept, in extra_body': more('"extra_body":{"store":true}', reference),
  }),
  ...rows('reference', [ANTHROPIC, INVOKE, COUNT], {
    'a picture at an address': message('[{"type":"image","source":{"type":"url","url":"https://us.example/x.png"}}]'),
    'a file that is kept at the provider': message(
      '[{"type":"document","source":{"type":"file","file_id":"file_us"}}]',
    ),
    'a source of a kind that nobody knows': (door) => ({
      ...message('[{"type":"document","source":{"type":"bucket","uri":"s3://us/x"}}]')(door),
      expected: denied('base/unread-part'),
    }),
    'servers of tools': more('"mcp_servers":[{"type":"url","name":"x","url":"https://us.example/mcp"}]', reference),
    'a container': more('"container":"container_us"', reference),
    'a search of the web': more('"tools":[{"type":"web_search_20250305","name":"web_search"}]', reference),
    'code that is run elsewhere': more(
      '"tools":[{"type":"code_execution_20250825","name":"code_execution"}]',
      reference,
    ),
  }),
  ...rows('reference', [CONVERSE, TOKENS], {
    'a picture in a bucket of another region': message(
      '[{"image":{"format":"png","source":{"s3Location":{"uri":"s3://us-bucket/x.png"}}}}]',
    ),
    'a document in a bucket': message(
      '[{"document":{"format":"pdf","name":"x","source":{"s3Location":{"uri":"s3://us-bucket/x.pdf","bucketOwner":"999988887777"}}}}]',
    ),
    'a video in a bucket': message(
      '[{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://us-bucket/x.mp4"}}}}]',
    ),
  }),
  ...rows('reference', [CONVERSE], {
    'a guardrail of another region': more(
      '"guardrailConfig":{"guardrailIdentifier":"arn:aws:bedrock:us-east-1:111122223333:guardrail/x","guardrailVersion":"1"}',
      reference,
    ),
    'variables of a prompt': more('"promptVariables":{"x":{"text":"y"}}', reference),
    'a tool that AWS runs': more('"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}', reference),
  }),
]
